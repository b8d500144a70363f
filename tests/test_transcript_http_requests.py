import pytest

from recordkit.transcript.document_text import MORE
from transcripts import base64_of, event, segments, text


def request(kind="elasticsearch", at_s=None, **fields):
    body = fields.pop("body", None)
    encoded = base64_of(body) if isinstance(body, str | bytes) and kind != "dynamodb" else body
    return event(
        f"{kind}.request", at_s, **{"method": "GET", "path": "/", "status_code": 200, "body": encoded} | fields
    )


def test_a_session_of_elasticsearch_reads_as_in_the_console():
    """Request line, body over lines and status, as a person would type and see them in the console."""
    assert text(
        "elasticsearch",
        request(path="/_cat/indices", raw_query="v=true"),
        request(method="POST", path="/orders/_search", body='{"query":{"term":{"status":"open"}},"size":[3]}'),
        request(method="POST", path="/_bulk", body='{"index":{}}\n{"a":1}\n', status_code=403),
        event("end", 60),
    ) == (
        """
GET /_cat/indices?v=true

200 OK

POST /orders/_search
{
  "query": {
    "term": {
      "status": "open"
    }
  },
  "size": [
    3
  ]
}

200 OK

POST /_bulk
{"index":{}}
{"a":1}

403 Forbidden

Session ended at Mon Jul 20 20:01 UTC
"""
    )


def test_opensearch_has_the_same_look():
    """Requests of OpenSearch are shown like those of Elasticsearch."""
    assert text("opensearch", request("opensearch", path="/_search")) == "\nGET /_search\n\n200 OK\n"


def test_a_session_of_dynamodb_names_the_operation():
    """The header that says what is done stands under the request line, the document under that."""
    get = {"TableName": "orders", "Key": {"id": {"S": "7"}}}
    assert text(
        "dynamodb",
        request("dynamodb", method="POST", target="DynamoDB_20120810.GetItem", body=get),
        request(
            "dynamodb", method="POST", target="DynamoDB_20120810.Scan", status_code=400, success=False, error="denied"
        ),
    ) == (
        """
POST /
X-Amz-Target: DynamoDB_20120810.GetItem
{
  "TableName": "orders",
  "Key": {
    "id": {
      "S": "7"
    }
  }
}

200 OK

POST /
X-Amz-Target: DynamoDB_20120810.Scan

400 Bad Request
denied
"""
    )


BODIES = [
    ("plain text", "SELECT 1\nFROM t\n", ["SELECT 1", "FROM t"]),
    ("bytes", b"\xff\xfe", ["(2 bytes that are no text)"]),
    ("a name twice", '{"a": 1, "a": 2}', ['{"a": 1, "a": 2}']),
    ("broken JSON", '{"a": ', ['{"a":']),
    ("a list", "[1]", ["[", "  1", "]"]),
    ("a number", "1", ["1"]),
    ("nothing", "", []),
]


@pytest.mark.parametrize(("body", "lines"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_a_body_is_shown_as_what_it_is(body, lines):
    """Row by row: JSON over lines only where it means the same, text as it came, other bytes counted."""
    assert text("elasticsearch", request(body=body)).split("\n\n")[0].split("\n")[2:] == lines


def test_long_bodies_are_bounded():
    """Of a long body the beginning is shown, and that there is more."""
    bulk = text("elasticsearch", request(body='{"index":{}}\n' * 10_000))
    assert MORE in bulk
    assert len(bulk) < 40_000
    assert MORE in text("elasticsearch", request(body="[" + "1," * 600_000 + "1]"))


def test_fields_of_other_types_are_shown():
    """A body that is no base64, a path of several lines and a status that is no number still come out in lines."""
    shown = text("elasticsearch", event("elasticsearch.request", method=7, path="/a\nb", body="?!", status_code="x"))
    assert shown == "\n7 /a\\nb\n?!\n\nx\n"
    assert text("elasticsearch", event("elasticsearch.request")) == "\nGET /\n"
    assert (
        text("elasticsearch", event("elasticsearch.request", query="a:1", status_code=599)) == "\nGET /\na:1\n\n599\n"
    )


def test_a_status_of_400_or_more_is_an_error():
    """Request and status are errors by their code, or where the event says that it failed."""
    found = {}
    for fields in ({"status_code": 399}, {"status_code": 400}, {"status_code": 0, "success": False, "error": "x"}):
        said = segments("elasticsearch", request(**fields))
        found[fields["status_code"]] = [(one.kind.value, one.severity.value) for one in said]
    assert found[399] == [("statement", "info"), ("result", "info")]
    assert found[400] == found[0] == [("statement", "error"), ("error", "error")]
