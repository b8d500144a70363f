import os
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordkit.container import State, seal
from recordkit.errors import AmbiguousPrefixError, FormatError, SessionNotFoundError, StoreError
from recordkit.store import DirectoryStore, RecordingFilter, finding, open_store
from recordkit.store import directory as module
from recordkit.store.owners import take
from recordkit.store.paths import create_store, open_path, sealed_path
from store_recordings import (
    NOON,
    SECOND,
    QuickFiles,
    cold_clock,
    hot_clock,
    scan,
    sid_with,
    write_open,
    write_sealed,
)

ALIVE = "a11fe" + "0" * 27


@pytest.fixture
def root(tmp_path):
    create_store(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def store(root):
    with DirectoryStore(root, clock=cold_clock()) as store:
        yield store


@pytest.fixture
def living(root):
    """The owner of a recorder that lives."""
    with take(root, ALIVE):
        yield ALIVE


def finish(root, sid):
    """Seal a recording as its recorder would."""
    seal(open_path(root, sid), sealed_path(root, sid), files=QuickFiles())


class TestFind:
    def test_the_beginning_of_a_sid_is_enough(self, root, store):
        """Any length, any case, dashes or none, sealed or open."""
        sealed = write_sealed(root, sid_with("abc123def0"))
        being_written = write_open(root, sid_with("abd"))
        for prefix in (
            "abc",
            "ABC1",
            sealed[:10],
            sealed.replace("-", "")[:20],
            sealed,
            sealed.upper(),
            sealed.replace("-", ""),
        ):
            with store.find(prefix) as recording:
                assert recording.sid == sealed
        assert store.resolve("abd") == being_written

    def test_an_ambiguous_prefix_names_some_of_those_that_match(self, root, store):
        """The error lists the first few, from both places, each once."""
        sids = sorted(
            [write_sealed(root, sid_with("abc")) for _ in range(4)]
            + [write_open(root, sid_with("abc")) for _ in range(3)]
        )
        with pytest.raises(AmbiguousPrefixError) as ambiguous:
            store.find("AbC")
        assert ambiguous.value.sids == sids[:5]
        assert ambiguous.value.prefix == "AbC"
        for sid in sids[:4]:
            assert sid in str(ambiguous.value)

    @pytest.mark.parametrize(
        "prefix", ["abd", "xyz", "ab*", "a" * 32, "a" * 33, "é", "../ab", "0" * 8 + "-0000-4000-8000-" + "f" * 12]
    )
    def test_a_prefix_that_nothing_begins_with_is_not_found(self, root, store, prefix):
        """The error names the prefix and the store."""
        write_sealed(root, sid_with("abc"))
        with pytest.raises(SessionNotFoundError) as missing:
            store.find(prefix)
        assert str(root) in str(missing.value)
        assert prefix[:20] in str(missing.value)

    @pytest.mark.parametrize("prefix", ["", "-"])
    def test_an_empty_prefix_is_a_mistake(self, store, prefix):
        """It would match everything, and opens nothing, not even the only recording."""
        with pytest.raises(ValueError, match="prefix"):
            store.find(prefix)

    def test_a_recording_that_is_both_open_and_sealed_is_one(self, root, store):
        """A prefix is not ambiguous because a recording is met in both places while it is sealed."""
        sid = write_sealed(root, user="sealed")
        write_open(root, sid, user="open")
        with store.find(sid[:8]) as recording:
            assert recording.summary.user == "sealed"

    def test_a_damaged_recording_counts_by_its_name(self, root, store):
        """It can be asked for by prefix, and says what is wrong with it; it makes others ambiguous, too."""
        damaged = write_sealed(root, sid_with("abc1"))
        sealed_path(root, damaged).write_bytes(b"garbage")
        assert store.resolve("abc") == damaged
        with pytest.raises(FormatError):
            store.find("abc")
        write_sealed(root, sid_with("abc2"))
        with pytest.raises(AmbiguousPrefixError):
            store.find("abc")
        assert [problem.path for problem in store.problems] == [sealed_path(root, damaged)]


class TestList:
    def test_recordings_come_newest_first_from_both_places(self, root, store, living):
        """Sealed and open ones are merged by when they began; ties by sid."""
        for number in range(12):
            write = write_open if number % 3 == 0 else write_sealed
            write(root, owner=living, start_ns=NOON + number // 2 * SECOND)
        found = list(store.list())
        assert found == scan(root)
        assert len(found) == len(store) == 12
        assert [summary.sid for summary in found] == list(store)
        assert [summary.start_ns for summary in found] == sorted((s.start_ns for s in found), reverse=True)

    @pytest.mark.parametrize("limit", [0, 1, 5, 11, 12, 100])
    @pytest.mark.parametrize("page", [1, 3, 500])
    def test_a_limit_cuts_the_same_list_off(self, root, store, limit, page, monkeypatch):
        """However many rows are read at a time."""
        monkeypatch.setattr(module, "PAGE", page)
        for number in range(12):
            (write_sealed, write_open)[number % 4 == 0](root, start_ns=NOON + number % 5)
        assert list(store.list(limit=limit)) == scan(root)[:limit]

    def test_filters_take_what_people_have(self, root, store):
        """Times as text, dates or numbers; states as words."""
        old = write_sealed(root, start_ns=NOON - 86_400 * SECOND, user="alice", db_service="aurora", db_name="orders")
        new = write_sealed(root, start_ns=NOON, user="bob", db_name="aurora", db_protocol="mysql", ended=True)

        def sids(**wanted):
            return [summary.sid for summary in store.list(**wanted)]

        assert (
            sids(since="2026-07-20") == sids(since=NOON) == sids(since=datetime(2026, 7, 20, 12, tzinfo=UTC)) == [new]
        )
        assert sids(until="2026-07-20T12:00:00Z") == [old]
        assert sids(db="aurora") == [new, old]
        assert sids(db="orders") == sids(user="alice") == sids(state="interrupted") == [old]
        assert sids(protocol="mysql") == sids(state=State.COMPLETE) == [new]
        assert sids(user="alice", protocol="mysql") == []

    @pytest.mark.parametrize(
        "wanted", [{"since": "tomorrow"}, {"state": "finished"}, {"limit": -1}, {"user": "\udcff"}]
    )
    def test_arguments_of_no_use_are_refused_at_once(self, store, wanted):
        """Not when the first recording is asked for."""
        with pytest.raises(ValueError):
            store.list(**wanted)

    def test_a_recording_sealed_while_it_is_listed_is_given_once(self, root, store, living, monkeypatch):
        """Whether it is sealed before its file is read, before the catalog is asked, or after."""
        for target, when in ((finding, "_open_unsealed"), (DirectoryStore, "_answer"), (DirectoryStore, "_rows")):
            sids = [write_open(root, owner=living, start_ns=NOON + number) for number in range(3)]
            original = getattr(target, when)

            def sealing(*arguments, _original=original, _sids=sids, **options):
                for sid in _sids:
                    if open_path(root, sid).exists():
                        finish(root, sid)
                return _original(*arguments, **options)

            with monkeypatch.context() as patch:
                patch.setattr(target, when, sealing)
                found = [summary.sid for summary in store.list()]
            assert sorted(found) == sorted(path.name[:36] for path in root.glob("*/*.jsonl.zst"))
            assert len(set(found)) == len(found)

    def test_a_recording_sealed_and_added_between_two_pages_is_given_once(self, root, store, living, monkeypatch):
        """It was listed as open; its new row is passed over."""
        monkeypatch.setattr(module, "PAGE", 2)
        for number in range(6):
            write_sealed(root, start_ns=NOON + number)
        sid = write_open(root, owner=living, start_ns=NOON + 1)
        listing = store.list()
        found = [next(listing).sid]
        finish(root, sid)
        with DirectoryStore(root, clock=cold_clock()) as other:
            list(other.list())  # adds its row
        found += [summary.sid for summary in listing]
        assert len(found) == len(set(found)) == 7

    def test_a_recording_that_is_both_open_and_sealed_is_given_once_as_sealed(self, root, store):
        """As its sid finds it."""
        sid = write_sealed(root, user="sealed")
        write_open(root, sid, user="open")
        assert [summary.user for summary in store.list()] == ["sealed"]
        assert list(store.list(user="open")) == []
        assert len(store) == 1

    def test_recordings_that_come_and_go_while_a_list_is_read_do_no_harm(self, root, store, monkeypatch):
        """What is gone when its page is read is left out, what came later may be."""
        monkeypatch.setattr(module, "PAGE", 2)
        sids = [write_sealed(root, start_ns=NOON - number) for number in range(8)]
        listing = store.list()
        found = [next(listing).sid]
        sealed_path(root, sids[5]).unlink()
        write_sealed(root, start_ns=NOON + 1)
        found += [summary.sid for summary in listing]
        assert found == [sid for sid in sids if sid != sids[5]]
        assert list(store.list()) == scan(root)

    def test_a_file_changed_under_its_row_is_given_as_it_is_now(self, root, store):
        """A recording cut in place is torn, at the next listing and not only after reindex."""
        sid = write_sealed(root, chunks=4, ended=True)
        assert [summary.state for summary in store.list()] == [State.COMPLETE]
        os.truncate(sealed_path(root, sid), sealed_path(root, sid).stat().st_size - 20)
        assert list(store.list()) == scan(root)
        assert [summary.state for summary in store.list()] == [State.TORN]
        assert list(store.list(state="complete")) == []

    @pytest.mark.parametrize("mended_rows", [True, False])
    def test_a_file_changed_under_its_row_may_move_in_the_order(self, root, store, monkeypatch, mended_rows):
        """However it moves, it is given once."""
        monkeypatch.setattr(module, "PAGE", 2)
        sids = [write_sealed(root, start_ns=NOON - number) for number in range(7)]
        list(store.list())
        for sid, start_ns in ((sids[0], NOON - 100), (sids[6], NOON + 100)):
            aside = sealed_path(root, write_sealed(root.parent / "aside", sid, start_ns=start_ns, user="moved"))
            moved = sealed_path(root.parent / "aside", sid)
            aside.write_bytes(moved.read_bytes())
        if not mended_rows:
            monkeypatch.setattr("recordkit.store.catalog.Catalog.put", lambda self, entries: None)
        found = [summary.sid for summary in store.list()]
        assert sorted(found) == sorted(sids)

    def test_a_file_that_became_unreadable_in_place_is_named(self, root, store):
        """It leaves the list and is named, now and at the next listing."""
        sid = write_sealed(root)
        list(store.list())
        sealed_path(root, sid).write_bytes(b"garbage")
        for _ in range(2):
            assert list(store.list()) == []
            assert [problem.path for problem in store.problems] == [sealed_path(root, sid)]

    def test_unreadable_open_recordings_are_named(self, root, store):
        """As are those that hold another session's events."""
        sid, renamed = write_open(root), sid_with()
        damaged = open_path(root, sid_with())
        damaged.write_bytes(b"")
        open_path(root, sid).rename(open_path(root, renamed))
        assert list(store.list()) == []
        assert {problem.path for problem in store.problems} == {damaged, open_path(root, renamed)}
        assert len(store) == 0
        assert len(store.problems) == 2

    def test_a_recording_whose_header_is_just_being_written_is_neither_listed_nor_a_problem(self, root):
        """A living recorder makes the file and then writes the header: for a moment it is empty."""
        open_path(root, sid_with()).write_bytes(b"")
        with DirectoryStore(root, clock=hot_clock()) as store:
            assert (list(store.list()), store.problems) == ([], ())

    def test_a_directory_of_open_recordings_that_can_not_be_listed_is_named(self, root, store, monkeypatch):
        """The sealed ones are still given."""
        sid = write_sealed(root)

        def refusing(root):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(finding, "open_sids", refusing)
        assert [summary.sid for summary in store.list()] == [sid]
        assert [str(problem) for problem in store.problems] == [f"{root / 'open'}: can't be listed: Permission denied"]

    def test_memory_does_not_grow_with_the_number_of_recordings(self, root, store, monkeypatch):
        """A list is read page by page, and no page is larger than the limit."""
        monkeypatch.setattr(module, "PAGE", 10)
        for number in range(35):
            write_sealed(root, start_ns=NOON + number)
        sizes = []
        page = module.Catalog.page

        def sized(self, wanted, *, after, limit):
            sizes.append(limit)
            return page(self, wanted, after=after, limit=limit)

        monkeypatch.setattr(module.Catalog, "page", sized)
        assert len(list(store.list())) == 35
        assert sizes == [10, 10, 10, 10]
        sizes.clear()
        assert len(list(store.list(limit=4))) == 4
        assert sizes == [4]

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.booleans(),
                st.sampled_from([None, "a", "b"]),
                st.sampled_from([None, "a", "b"]),
                st.one_of(st.none(), st.integers(NOON - 2, NOON + 2)),
                st.booleans(),
            ),
            max_size=10,
        ),
        st.builds(
            RecordingFilter,
            since_ns=st.sampled_from([None, NOON]),
            until_ns=st.sampled_from([None, NOON + 1]),
            user=st.sampled_from([None, "a"]),
            db=st.sampled_from([None, "a", "b"]),
            state=st.sampled_from([None, *State]),
        ),
        st.sampled_from([None, 1, 3]),
        st.booleans(),
    )
    def test_lists_equal_a_scan_of_all_files(self, tmp_path, recordings, wanted, limit, hot):
        """Whatever is in the store, whatever is asked for, and whether or not the clock lets the catalog be trusted."""
        root = tmp_path / uuid.uuid4().hex
        create_store(root)
        with take(root, ALIVE), DirectoryStore(root, clock=hot_clock() if hot else cold_clock()) as store:
            for number, (is_open, user, db, start_ns, ended) in enumerate(recordings):
                names = {name: text for name, text in (("user", user), ("db_service", db), ("db_name", user)) if text}
                write = write_open if is_open else write_sealed
                write(root, owner=ALIVE, start_ns=start_ns, created_ns=NOON, ended=ended, **names)
                if number == len(recordings) // 2:
                    list(store.select())
            assert list(store.select(wanted, limit=limit)) == scan(root, wanted)[:limit]


class TestStore:
    @pytest.mark.parametrize("name", ["missing", "file"])
    def test_a_store_that_is_no_directory_is_refused(self, tmp_path, name):
        """A typing error in a path is not an empty store."""
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match=name):
            open_store(tmp_path / name)

    def test_a_directory_that_is_no_store_stays_as_it_is(self, tmp_path):
        """Looking into any directory writes nothing there."""
        (tmp_path / "notes.txt").touch()
        with open_store(str(tmp_path)) as store:
            assert (list(store), len(store), store.problems) == ([], 0, ())
            with pytest.raises(SessionNotFoundError):
                store.find("ab")
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_closing_twice_and_using_it_afterwards_is_fine(self, root):
        """A closed store opens its catalog again when it is asked."""
        write_sealed(root)
        store = open_store(root)
        assert len(store) == 1
        store.close()
        store.close()
        assert len(store) == 1
        store.close()

    def test_a_relative_path_is_a_store_too(self, root, monkeypatch):
        """As on the command line."""
        sid = write_sealed(root)
        monkeypatch.chdir(root.parent)
        with open_store("store") as store:
            assert [summary.sid for summary in store.list()] == [sid]
            assert store.find(sid[:9]).path == Path("store") / sid[-2:] / f"{sid}.jsonl.zst"

    def test_threads_share_a_store(self, root, store):
        """Each gets the whole answer."""
        for number in range(30):
            write_sealed(root, start_ns=NOON + number)
        expected, found = scan(root), []
        threads = [threading.Thread(target=lambda: found.append(list(store.list()))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [expected] * 8

    def test_a_forked_child_can_use_the_store(self, root, store):
        """It opens the catalog for itself; a list begun before goes on in both."""
        for number in range(5):
            write_sealed(root, start_ns=NOON + number)
        expected = scan(root)
        listing = store.list()
        assert next(listing) == expected[0]
        child = os.fork()
        if child == 0:
            right = list(listing) == expected[1:] and list(store.list()) == expected
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert list(listing) == expected[1:]
        assert list(store.list()) == expected
