"""
What commands and requests do, by name; the answers are values of `StatementClass`.
"""

from collections.abc import Sequence
from typing import Final

from recordkit.sql.commands import SEARCH
from recordkit.sql.word_lists import listed

_REDIS: Final[dict[str, str]] = {
    **dict.fromkeys(
        listed("""get mget strlen getrange substr exists ttl pttl type keys scan randomkey dump object touch expiretime
        pexpiretime hget hmget hgetall hkeys hvals hlen hexists hstrlen hscan hrandfield httl lrange lindex llen lpos
        smembers sismember smismember scard srandmember sscan sdiff sinter sunion sintercard zrange zrangebyscore
        zrangebylex zrevrange zrevrangebyscore zrevrangebylex zcard zcount zlexcount zrank zrevrank zscore zmscore
        zrandmember zscan zdiff zinter zunion zintercard bitcount bitpos getbit bitfield_ro pfcount geopos geodist
        geohash geosearch georadius_ro georadiusbymember_ro xrange xrevrange xlen xread xpending xinfo dbsize sort_ro
        lcs json.get json.mget ft.search ft.aggregate memory"""),
        "read",
    ),
    **dict.fromkeys(
        listed("""
            set setex psetex setnx mset msetnx append incr incrby incrbyfloat decr decrby getset getdel getex setrange
        del unlink expire pexpire expireat pexpireat persist rename renamenx copy move restore migrate sort hset hmset
        hsetnx hdel hincrby hincrbyfloat hexpire lpush rpush lpushx rpushx lpop rpop lset lrem ltrim linsert lmove
        blmove rpoplpush brpoplpush blpop brpop lmpop blmpop sadd srem spop smove sdiffstore sinterstore sunionstore
        zadd zrem zincrby zpopmin zpopmax bzpopmin bzpopmax zmpop zrangestore zremrangebyrank zremrangebyscore
        zremrangebylex zdiffstore zinterstore zunionstore setbit bitop bitfield pfadd pfmerge geoadd geosearchstore
        georadius georadiusbymember xadd xdel xtrim xack xclaim xautoclaim xreadgroup xgroup xsetid flushdb flushall
        swapdb json.set json.del"""),
        "write",
    ),
    **dict.fromkeys(listed("multi exec discard watch unwatch"), "transaction"),
    **dict.fromkeys(
        listed("""
            ping echo auth hello quit select info time client config command cluster debug latency module monitor role
        slowlog save bgsave bgrewriteaof lastsave shutdown replicaof slaveof sync psync wait waitaof subscribe
        psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe publish spublish pubsub readonly readwrite asking
        reset failover"""),
        "utility",
    ),
    **dict.fromkeys(listed("ft.create ft.dropindex ft.alter function"), "ddl"),
    "acl": "dcl",
}

_MONGO: Final[dict[str, str]] = {
    **dict.fromkeys(
        listed(
            """find aggregate count distinct getMore listCollections listDatabases listIndexes dbStats
            collStats dataSize
        explain geoSearch parallelCollectionScan""".lower()
        ),
        "read",
    ),
    **dict.fromkeys(listed("insert update delete findandmodify bulkwrite mapreduce"), "write"),
    **dict.fromkeys(
        listed(
            """create drop dropDatabase createIndexes dropIndexes deleteIndexes reIndex collMod renameCollection
        convertToCapped cloneCollectionAsCapped shardCollection enableSharding createSearchIndexes dropSearchIndex
        updateSearchIndex""".lower()
        ),
        "ddl",
    ),
    **dict.fromkeys(
        listed(
            """createUser updateUser dropUser dropAllUsersFromDatabase createRole updateRole dropRole grantRolesToUser
        revokeRolesFromUser grantPrivilegesToRole revokePrivilegesFromRole grantRolesToRole revokeRolesFromRole
        dropAllRolesFromDatabase invalidateUserCache""".lower()
        ),
        "dcl",
    ),
    **dict.fromkeys(listed("committransaction aborttransaction starttransaction"), "transaction"),
    **dict.fromkeys(
        listed(
            """hello isMaster ping buildInfo hostInfo serverStatus getParameter setParameter endSessions startSession
        refreshSessions killCursors killOp currentOp whatsmyuri saslStart saslContinue authenticate logout
        connectionStatus getLog getCmdLineOpts replSetGetStatus usersInfo rolesInfo profile validate fsync compact top
        listCommands features atlasVersion""".lower()
        ),
        "utility",
    ),
}


_SEARCH_READS: Final = frozenset(
    listed("""_search _count _msearch _mget _field_caps _sql _analyze _explain _validate _pit _async_search
    _eql _rank_eval
    _termvectors _mtermvectors _render _knn_search _terms_enum _mvt _ppl _plugins _query""")
)
_SEARCH_WRITES: Final = frozenset(
    listed("_doc _create _update _bulk _update_by_query _delete_by_query _reindex _rollover")
)
_SEARCH_UTILITY: Final = frozenset(
    listed("_refresh _flush _forcemerge _cache _cluster _nodes _tasks _snapshot _ingest")
)

_DYNAMODB: Final[dict[str, str]] = {
    **dict.fromkeys(listed("getitem batchgetitem transactgetitems query scan listtables describetable"), "read"),
    **dict.fromkeys(listed("putitem updateitem deleteitem batchwriteitem transactwriteitems"), "write"),
    **dict.fromkeys(listed("createtable updatetable deletetable createglobaltable updatetimetolive"), "ddl"),
    **dict.fromkeys(listed("putresourcepolicy deleteresourcepolicy"), "dcl"),
}
_SPANNER: Final[dict[str, str]] = {
    **dict.fromkeys(listed("read streamingread partitionread partitionquery"), "read"),
    **dict.fromkeys(listed("begintransaction rollback commit"), "transaction"),
    **dict.fromkeys(listed("createsession batchcreatesessions getsession listsessions deletesession"), "utility"),
}


def command_class_name(words: Sequence[str], protocol: str | None) -> str | None:
    """
    Return the class of a command or request; None for SQL.
    """
    first = words[0] if words else ""
    if protocol == "redis":
        return redis_class_name(words)
    if protocol == "mongodb" and first == "{":
        return mongo_class_name(words)
    if protocol in SEARCH:
        return search_class_name(words)
    if protocol == "dynamodb":
        return _DYNAMODB.get(first, "unknown")
    if protocol == "spanner" and (words[1:2] == ["{"] or (first in _SPANNER and len(words) == 1)):
        return "write" if first == "commit" and '"mutations"' in words else _SPANNER.get(first, "unknown")
    return None


def search_class_name(words: Sequence[str]) -> str:
    """
    Return the class of a request to Elasticsearch or OpenSearch, by method and path.
    """
    method = words[0] if words else ""
    parts = {words[place + 1] for place, word in enumerate(words[:-1]) if word == "/"}
    if method in {"get", "head"} or (method == "post" and parts & _SEARCH_READS):
        return "read"
    if method not in {"put", "post", "delete", "patch"}:
        return "unknown"
    if parts & {"_security", "_opendistro", "_xpack"}:
        return "dcl"
    if parts & _SEARCH_WRITES:
        return "write"
    return "utility" if parts & _SEARCH_UTILITY else "ddl"


def redis_class_name(words: Sequence[str]) -> str:
    """
    Return the class of a Redis command.
    """
    name = words[0] if words else ""
    if name == "acl" and words[1:2] and words[1] in {"list", "users", "whoami", "cat", "log", "getuser", "dryrun"}:
        return "utility"
    return _REDIS.get(name, "unknown")


def mongo_class_name(words: Sequence[str]) -> str:
    """
    Return the class of a MongoDB command: what its first key says; an aggregation may write.
    """
    name = words[1].strip('"').lower() if len(words) > 1 else ""
    if name == "aggregate" and ('"$out"' in words or '"$merge"' in words):
        return "write"
    return _MONGO.get(name, "unknown")
