import { spawnSync } from 'node:child_process';
import type { Sandbox } from './harness.js';

/** Runs a command on a terminal of so many columns and rows; its keyboard is our stdin, its screen our stdout. */
const RUNNER = `
import fcntl, os, pty, select, struct, sys, termios
columns, rows = int(sys.argv[1]), int(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])
watched = [terminal, 0]
while True:
    ready, _, _ = select.select(watched, [], [])
    try:
        if terminal in ready:
            data = os.read(terminal, 65536)
            if not data:
                break
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, 4096)
            if data:
                os.write(terminal, data)
            else:
                watched.remove(0)
    except OSError:
        break
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

/** Why there is no terminal to test with, or false. */
export const noTerminal: string | false = spawnSync('python3', ['--version']).error
  ? 'python3 is not installed'
  : false;

/** What stands in front of a command line to run it on a terminal. */
export function onTerminal(sandbox: Sandbox, columns: number, rows = 24): readonly string[] {
  return ['python3', sandbox.file('terminal.py', RUNNER), String(columns), String(rows)];
}
