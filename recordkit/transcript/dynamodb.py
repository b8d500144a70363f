"""
A DynamoDB session: requests, whose header names the operation and whose body is a document.

    POST /
    X-Amz-Target: DynamoDB_20120810.GetItem
    {
      "TableName": "orders"
    }

    200 OK
"""

from typing import ClassVar

from recordkit.events import Event
from recordkit.transcript.http_requests import HTTPTranslator, body_lines
from recordkit.transcript.native import STEPS
from recordkit.transcript.phrases import text_of


class DynamoDBTranslator(HTTPTranslator):
    """
    The `Translator` of DynamoDB sessions.
    """

    _steps: ClassVar = STEPS | {"db.session.dynamodb.request": "_request"}

    def _header_lines(self, event: Event) -> list[str]:
        target = text_of(event.get("target")).replace("\n", "\\n")
        return [f"X-Amz-Target: {target}"] if target else []

    def _body_lines(self, event: Event) -> list[str]:
        return body_lines(event.get("body"))
