import json

import pytest

from transcripts import event, failed, query, result, segments, text


def command(fields, **others):
    return query(json.dumps(fields), **others)


def test_a_session_reads_as_in_mongosh():
    """Methods, documents, replies and errors look as mongosh prints them."""
    assert text(
        "mongodb",
        command(
            {
                "find": "products",
                "filter": {"price": {"$gt": {"$numberInt": "100"}}},
                "limit": 5,
                "$db": "shop",
                "lsid": {"id": 1},
            }
        ),
        result(5),
        command(
            {
                "insert": "orders",
                "documents": [
                    {
                        "_id": {"$oid": "5f8f8c44b54764421b7156c5"},
                        "placed": {"$date": {"$numberLong": "1784577600000"}},
                        "customer": {"name": "Jo", "tags": ["new", "it's"]},
                        "total": {"$numberDecimal": "99.90"},
                        "lines": {"$numberLong": "3"},
                    }
                ],
                "$db": "shop",
            }
        ),
        result(1),
        command(
            {
                "aggregate": "orders",
                "pipeline": [
                    {"$match": {"status": "open", "placed": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}},
                    {"$group": {"_id": "$customer", "total": {"$sum": "$total"}}},
                ],
                "cursor": {},
                "$db": "shop",
            }
        ),
        result(columns=["document"], rows=[[{"_id": "Jo", "total": 99.9}], [{"_id": None, "total": 1}]]),
        command({"delete": "orders", "deletes": [{"q": {}, "limit": 0}], "$db": "shop"}),
        failed("not authorized on shop to execute command"),
        event("end", 60),
    ) == (
        """
shop> db.products.find({ price: { $gt: 100 } }).limit(5)
{ ok: 1, n: 5 }

shop> db.orders.insertOne({
...   _id: ObjectId('5f8f8c44b54764421b7156c5'),
...   placed: ISODate('2026-07-20T20:00:00Z'),
...   customer: { name: 'Jo', tags: [ 'new', 'it\\'s' ] },
...   total: Decimal128('99.90'),
...   lines: Long('3')
... })
{ ok: 1, n: 1 }

shop> db.orders.aggregate([
...   {
...     $match: {
...       status: 'open',
...       placed: { $gte: ISODate('2026-01-01T00:00:00Z') }
...     }
...   },
...   { $group: { _id: '$customer', total: { $sum: '$total' } } }
... ])
[ { _id: 'Jo', total: 99.9 }, { _id: null, total: 1 } ]

shop> db.orders.deleteMany({})
MongoServerError: not authorized on shop to execute command

Session ended at Mon Jul 20 20:01 UTC
"""
    )


ONE = [{"q": {"a": 1}, "u": {"$set": {"b": 2}}}]
COMMANDS = [
    ({"find": "c"}, "db.c.find()"),
    ({"find": "c", "projection": {"a": 1}}, "db.c.find({}, { a: 1 })"),
    ({"find": "c", "filter": {}, "sort": {"a": -1}, "skip": 2}, "db.c.find({}).sort({ a: -1 }).skip(2)"),
    ({"find": "c", "filter": {}, "hint": "x"}, "db.runCommand({ find: 'c', filter: {}, hint: 'x' })"),
    ({"find": "a-b"}, "db.getCollection('a-b').find()"),
    ({"find": "system.users"}, "db.system.users.find()"),
    ({"find": 1}, "db.runCommand({ find: 1 })"),
    ({"insert": "c", "documents": [{"a": 1}, {"a": 2}]}, "db.c.insertMany([ { a: 1 }, { a: 2 } ])"),
    ({"insert": "c", "documents": [{}], "ordered": False}, "db.runCommand({ insert: 'c', documents: [ {} ], ordered: false })"),
    ({"update": "c", "updates": ONE}, "db.c.updateOne({ a: 1 }, { $set: { b: 2 } })"),
    ({"update": "c", "updates": [ONE[0] | {"multi": True}]}, "db.c.updateMany({ a: 1 }, { $set: { b: 2 } })"),
    ({"update": "c", "updates": [{"q": {}, "u": {"b": 2}, "upsert": True}]}, "db.c.replaceOne({}, { b: 2 }, { upsert: true })"),
    ({"update": "c", "updates": [ONE[0] | {"hint": "x"}]}, "db.runCommand({\n...   update: 'c',\n...   updates: [ { q: { a: 1 }, u: { $set: { b: 2 } }, hint: 'x' } ]\n... })"),
    ({"update": "c", "updates": ONE * 2}, "db.runCommand({\n...   update: 'c',\n...   updates: [\n...     { q: { a: 1 }, u: { $set: { b: 2 } } },\n...     { q: { a: 1 }, u: { $set: { b: 2 } } }\n...   ]\n... })"),
    ({"delete": "c", "deletes": [{"q": {"a": 1}, "limit": {"$numberInt": "1"}}]}, "db.c.deleteOne({ a: 1 })"),
    ({"delete": "c", "deletes": [{"q": {}, "limit": 7}]}, "db.runCommand({ delete: 'c', deletes: [ { q: {}, limit: 7 } ] })"),
    ({"count": "c", "query": {"a": {"$exists": True}}}, "db.c.count({ a: { $exists: true } })"),
    ({"distinct": "c", "key": "a", "query": {}}, "db.c.distinct('a', {})"),
    ({"findAndModify": "c", "query": {"a": 1}, "remove": True}, "db.c.findAndModify({ query: { a: 1 }, remove: true })"),
    ({"aggregate": 1, "pipeline": [{"$currentOp": {}}], "cursor": {}}, "db.aggregate([ { $currentOp: {} } ])"),
    ({"aggregate": "c", "pipeline": [], "cursor": {"batchSize": 5}}, "db.runCommand({ aggregate: 'c', pipeline: [], cursor: { batchSize: 5 } })"),
    ({"aggregate": 1, "pipeline": [], "explain": True}, "db.runCommand({ aggregate: 1, pipeline: [], explain: true })"),
    ({"drop": "c"}, "db.c.drop()"),
    ({"dropDatabase": 1}, "db.dropDatabase()"),
    ({"createIndexes": "c", "indexes": [{"key": {"a": 1}}]}, "db.runCommand({ createIndexes: 'c', indexes: [ { key: { a: 1 } } ] })"),
    ({"ping": 1, "readConcern": {"level": "local"}}, "db.runCommand({ ping: 1, readConcern: { level: 'local' } })"),
    ({"lsid": 1}, "db.runCommand({})"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "shown"), COMMANDS)
def test_a_command_is_shown_as_a_method_where_nothing_is_lost(fields, shown):
    """Row by row: a method of the shell that has a place for every field, else the command as it is."""
    assert text("mongodb", command(fields)) == f"\ntest> {shown}\n"


@pytest.mark.parametrize(
    "shown",
    [
        '{"find": "a", "find": "b"}',
        '{"find":',
        "db.stats()",
        "[1, 2]",
        "{}",
        "",
        '{"a":' * 300,
        '{"a": ' + "1" * 5000 + "}",
    ],
)
def test_other_text_is_shown_as_it_is(shown):
    """Text that is no command, or that names a field twice so that one would be hidden, is not touched."""
    assert text("mongodb", query(shown)) == f"\ntest> {shown}\n"


def test_a_long_argument_has_lines_of_its_own():
    """Two long documents stand one under the other, and a method that is called on the result after them."""
    many = {f"field{number}": number for number in range(12)}
    lines = text("mongodb", command({"find": "c", "filter": many, "projection": {"a": 1}, "limit": 1})).split("\n")
    assert lines[1:3] == ["test> db.c.find(", "...   {"]
    assert lines[-4:] == ["...   },", "...   { a: 1 }", "... ).limit(1)", ""]
    assert "db.runCommand(" in text("mongodb", command({"find": "c", "sort": many | {"x": "y" * 80}}))


def test_the_prompt_names_the_database():
    """The command's own database is meant, else the session's."""
    assert text("mongodb", command({"ping": 1, "$db": "admin"}), query("x"), db_name="shop") == (
        "\nadmin> db.runCommand({ ping: 1 })\n\nshop> x\n"
    )


def test_replies_hold_what_was_recorded():
    """A count, documents, rows of several values, and what is missing."""
    replies = [
        result(),
        result(rows=[]),
        result(columns=["a", "b"], rows=[[1, None]]),
        result(rows=[[1, 2]], rows_truncated=True),
    ]
    shown = [segments("mongodb", query("x"), reply)[1].text for reply in replies]
    assert shown == [
        "{ ok: 1 }\n",
        "[]\n",
        "[ { a: 1, b: null } ]\n",
        "[ [ 1, 2 ] ]\n(1 row shown, more were not recorded)\n",
    ]
    many = segments("mongodb", query("x"), result(rows=[[{"a": number}] for number in range(99)]))[1].text
    assert many.endswith("(50 of 99 recorded documents shown)\n")


def test_an_error_of_the_shell_keeps_its_name():
    """A text that says itself what kind of error it is stays as it is."""
    assert text("mongodb", query("x"), failed("MongoNetworkError: gone")).endswith("\nMongoNetworkError: gone\n")
