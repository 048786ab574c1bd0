"""Many at once, or one alone."""

from threading import Event, Thread

from reconciler.providers.docker.engine.rename_lock import Together


def test_one_alone_waits_for_those_at_work_and_they_for_it():
    together, heard = Together(), []
    is_alone, is_waiting = Event(), Event()

    def alone():
        is_waiting.set()
        with together.alone():
            heard.append("alone")
            is_alone.set()

    with together.with_others(), together.with_others():
        thread = Thread(target=alone)
        thread.start()
        is_waiting.wait()
        assert not is_alone.wait(0.05)
        heard.append("others")

    thread.join()

    assert heard == ["others", "alone"]


def test_nobody_begins_while_one_is_alone():
    together, began = Together(), Event()

    def other():
        with together.with_others():
            began.set()

    with together.alone():
        thread = Thread(target=other)
        thread.start()
        assert not began.wait(0.05)
    thread.join()

    assert began.is_set()
