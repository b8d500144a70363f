"""
An Elasticsearch or OpenSearch session: requests, as in the console of Kibana and of OpenSearch Dashboards.
"""

from typing import ClassVar

from recordkit.events import Event
from recordkit.transcript.http_requests import HTTPTranslator, body_lines
from recordkit.transcript.native import STEPS


class ElasticsearchTranslator(HTTPTranslator):
    """
    The `Translator` of Elasticsearch sessions and of OpenSearch sessions.
    """

    _steps: ClassVar = STEPS | {
        "db.session.elasticsearch.request": "_request",
        "db.session.opensearch.request": "_request",
    }

    def _body_lines(self, event: Event) -> list[str]:
        # the proxy takes the query out of the body; where the body was not recorded, it stands for it
        return super()._body_lines(event) or body_lines(event.get("query") or None)
