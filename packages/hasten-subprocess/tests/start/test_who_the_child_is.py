"""User, groups, umask, session, process group and signals of the child."""

import grp
import os
import pwd
import signal

import pytest
from support.children import needs_proc, needs_root, status_of

pytestmark = needs_proc
NOBODY = pwd.getpwnam("nobody") if os.path.exists("/etc/passwd") else None


def ids(child):
    """Real, effective, saved and file-system id of the user, those of the group, and the other groups."""
    status = status_of(child.pid)
    uids, gids = ([int(word) for word in status[name].split()] for name in ("Uid", "Gid"))
    return uids, gids, [int(word) for word in status["Groups"].split()]


@needs_root
@pytest.mark.parametrize("user", [NOBODY.pw_uid, NOBODY.pw_name])
@pytest.mark.parametrize("preexec_fn", [None, int])
def test_user(cat, user, preexec_fn):
    assert ids(cat(user=user, preexec_fn=preexec_fn))[:2] == ([NOBODY.pw_uid] * 4, [os.getgid()] * 4)


@needs_root
@pytest.mark.parametrize("group", [NOBODY.pw_gid, grp.getgrgid(NOBODY.pw_gid).gr_name])
def test_group(cat, group):
    assert ids(cat(group=group))[:2] == ([os.getuid()] * 4, [NOBODY.pw_gid] * 4)


@needs_root
@pytest.mark.parametrize("groups", [[], [1, 2, 3], (5,), ["daemon", 3], {7}, list(range(100, 600))], ids=str)
def test_extra_groups(cat, groups):
    numbers = [grp.getgrnam(group).gr_gid if isinstance(group, str) else group for group in groups]
    assert sorted(ids(cat(extra_groups=groups))[2]) == sorted(numbers)


@needs_root
def test_all_of_them_at_once(cat):
    """The groups are set while the child may still do so."""
    child = cat(user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=[1, 2])
    assert ids(child) == ([NOBODY.pw_uid] * 4, [NOBODY.pw_gid] * 4, [1, 2])
    assert (os.getuid(), os.geteuid(), os.getgid(), os.getegid()) == (0, 0, 0, 0)


@needs_root
def test_the_parent_keeps_its_ids_in_all_threads(cat, spawn):
    """A child that shares the parent's memory must not change the threads of the parent."""
    gates = os.pipe()
    task = spawn(os.read, gates[0], 1).settle()
    cat(user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=[])
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/status") as status:
            assert {line.split()[1] for line in status if line.startswith(("Uid", "Gid"))} == {"0"}
    os.write(gates[1], b".")
    task.result()
    for gate in gates:
        os.close(gate)


def test_our_own_ids_need_no_rights(cat):
    child = cat(user=os.getuid(), group=os.getgid())
    assert ids(child)[:2] == ([os.getuid()] * 4, [os.getgid()] * 4)


@needs_root
@pytest.mark.parametrize("options", [{"user": 0}, {"group": 0}, {"extra_groups": [1]}])
def test_not_permitted(impl, python, options):
    """The words say that no program was started: no name of a file belongs to the error."""
    program = f"""
import os
import {impl.__name__} as subprocess
os.setgroups([]); os.setgid({NOBODY.pw_gid}); os.setuid({NOBODY.pw_uid})
try:
    subprocess.run(["true"], **{options})
except PermissionError as error:
    print(error.errno, error.filename, error.strerror)
"""
    assert python(program) == "1 None Operation not permitted\n"


@needs_root
def test_a_program_the_user_may_not_run(impl, tmp_path):
    """What may be run is the new user's to decide."""
    tmp_path.chmod(0o755)
    program = tmp_path / "prog"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    assert impl.run([program]).returncode == 0
    with pytest.raises(PermissionError):
        impl.run([program], user=NOBODY.pw_uid)


@needs_root
def test_the_folder_is_entered_before_the_rights_are_given_up(impl, tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    assert impl.run(["true"], cwd=folder, user=NOBODY.pw_uid).returncode == 0


@pytest.mark.parametrize(
    "umask, expected", [(-1, None), (0, 0), (0o22, 0o22), (0o777, 0o777), (0o1022, 0o22)]
)
def test_umask(cat, umask, expected):
    before = os.umask(0o27)
    try:
        assert int(status_of(cat(umask=umask).pid)["Umask"], 8) == (0o27 if expected is None else expected)
    finally:
        assert os.umask(before) == 0o27


def test_same_session_and_group_by_default(cat):
    child = cat()
    assert (os.getsid(child.pid), os.getpgid(child.pid)) == (os.getsid(0), os.getpgid(0))


@pytest.mark.parametrize("preexec_fn", [None, int])
def test_new_session(cat, preexec_fn):
    child = cat(start_new_session=True, preexec_fn=preexec_fn)
    assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid


@pytest.mark.since(3, 11)
def test_process_group_of_its_own(cat):
    child = cat(process_group=0)
    assert os.getpgid(child.pid) == child.pid
    assert os.getsid(child.pid) == os.getsid(0)
    sibling = cat(process_group=child.pid)
    assert os.getpgid(sibling.pid) == child.pid


@pytest.mark.since(3, 11)
@pytest.mark.parametrize("value", [None, -1])
def test_no_process_group_of_its_own(cat, value):
    assert os.getpgid(cat(process_group=value).pid) == os.getpgid(0)


@pytest.mark.since(3, 11)
def test_a_process_group_there_is_not(impl):
    with pytest.raises(PermissionError) as info:
        impl.run(["true"], process_group=1 << 28)
    assert info.value.filename is None


@pytest.mark.since(3, 11)
def test_a_leader_of_a_session_cannot_move_to_a_group(impl):
    with pytest.raises(PermissionError):
        impl.run(["true"], start_new_session=True, process_group=os.getpgid(0))


def set_of_signals(child, name):
    mask = int(status_of(child.pid)[name], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


RESTORED = {signal.SIGPIPE, signal.SIGXFSZ}


@pytest.mark.parametrize("preexec_fn", [None, int])
@pytest.mark.parametrize("restore", [True, False])
def test_signals_that_python_ignores(cat, restore, preexec_fn):
    ignored = set_of_signals(cat(restore_signals=restore, preexec_fn=preexec_fn), "SigIgn")
    assert RESTORED & ignored == (set() if restore else RESTORED)


def test_a_signal_the_caller_ignores_stays_ignored(cat, on_signal):
    on_signal(int)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert signal.SIGUSR1 in set_of_signals(cat(), "SigIgn")


def test_a_handler_is_not_inherited(cat, on_signal):
    on_signal(int)
    child = cat()
    assert signal.SIGUSR1 not in set_of_signals(child, "SigCgt") | set_of_signals(child, "SigIgn")


@pytest.mark.parametrize("preexec_fn", [None, int])
def test_blocked_signals_are_those_of_the_thread(cat, preexec_fn):
    """A start blocks all of them for a while: neither the child nor the parent may notice."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        assert set_of_signals(cat(preexec_fn=preexec_fn), "SigBlk") == {*before, signal.SIGUSR2}
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == {*before, signal.SIGUSR2}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert set_of_signals(cat(preexec_fn=preexec_fn), "SigBlk") == set(before)


def test_a_start_that_fails_leaves_the_mask_as_it_was(impl):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        with pytest.raises(FileNotFoundError):
            impl.run(["no-such-program"])
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == {*before, signal.SIGUSR2}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
