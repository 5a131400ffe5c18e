import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ScriptHandlers, ScriptOptions } from '../../../src/cli/script/script-handlers.js';
import { children, isAlive, rejectsWith, Scripts, until } from './fixture.js';

const scripts = new Scripts();

const stream = (argv: readonly string[], options?: Partial<ScriptOptions>): ScriptHandlers =>
  scripts.handlers([{ type: 'st', stream: true, argv }], options);
const sh = (script: string, options?: Partial<ScriptOptions>): ScriptHandlers => stream(['sh', '-c', script], options);

/** Answers with the payload; `echo` in sh alone would be a process for each. */
const ECHO = `sed -u 's/"type":"st",//'`;
/** Answers one message with the shell's own pid as payload. */
const TELL_PID = `read -r line; id=\${line#*'"id":"'}; echo "{\\"id\\":\\"\${id%%'"'*}\\",\\"payload\\":$$}"`;

test('killed with a message in flight: that one asks for a retry, the next is answered by a successor', async () => {
  const fragile = sh(`${TELL_PID}; read -r line; echo got-the-second >&2; sleep 60`, { lingerMs: 50, stopGraceMs: 10 });
  const pid = (await scripts.call(fragile)) as number;
  assert.ok(isAlive(pid));
  const inFlight = scripts.call(fragile, 'x');
  await scripts.log.line(/got-the-second/);
  process.kill(pid, 'SIGKILL');
  const waiting = scripts.call(fragile);
  await rejectsWith(inFlight, 'HANDLER_RETRY', /^the co-process of 'st' ended before it answered: ended by SIGKILL/);
  const result = await waiting.catch(() => scripts.call(fragile));
  assert.ok(typeof result === 'number' && result !== pid);
  assert.equal(fragile.counters.restarts, 1);
  const { level, fields } = await scripts.log.line(
    /co-process of 'st' ended \(ended by SIGKILL.*\) and is started again/,
  );
  assert.equal(level, 'warn');
  assert.deepEqual(fields, { node: 'w1', type: 'st', restartInMs: 100 });
});

test('what comes between the end and the next start waits for it', async () => {
  const once = sh(`[ -e "${scripts.directory}/second" ] && exec ${ECHO}; touch "${scripts.directory}/second"; exit 4`);
  await scripts.log.line(/ended \(exit code 4\)/);
  assert.equal(await scripts.call(once, 'patient'), 'patient');
});

test('an answer that was written just before the end counts', async () => {
  const last = sh(`${TELL_PID}; exit 1`);
  assert.ok(Number.isSafeInteger(await scripts.call(last)));
});

test('the last lines of stderr say why it ended', async () => {
  const crashes = sh('read -r line; echo "Traceback: no module named numpy" >&2; exit 1');
  await rejectsWith(scripts.call(crashes), 'HANDLER_RETRY', /exit code 1; stderr: Traceback: no module named numpy$/);
});

test('a crash loop is held back, and everybody is told why', async () => {
  const starts = join(scripts.directory, 'starts');
  const loop = sh(`echo x >> '${starts}'; echo broken config >&2; exit 5`, {
    clock: hastened(),
  });
  const why =
    /started 10 times within a minute and ended each time \(exit code 5; stderr: broken config\); it is started again in \d+ s$/;
  assert.equal((await scripts.log.line(why)).level, 'error');
  await rejectsWith(scripts.call(loop), 'HANDLER_RETRY', why);
  assert.equal(loop.counters.refusedInCrashLoop, 1);
  assert.equal(readFileSync(starts, 'utf8'), 'x\n'.repeat(10));
  await loop.stop();
});

/** The machine's clock, whose timers of up to 5 s, the back-off, are a hundred times faster. */
function hastened(): ScriptOptions['clock'] {
  const { clock } = scripts;
  return {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs <= 5_000 ? delayMs / 100 : delayMs, callback),
    defer: (callback) => clock.defer(callback),
    get pending() {
      return clock.pending;
    },
  };
}

test('a program that is gone is a crash like others', async () => {
  const missing = stream(['netmgr-no-such-program'], { clock: hastened() });
  await rejectsWith(scripts.call(missing), 'HANDLER_RETRY', /'netmgr-no-such-program', .* is missing: install it/);
});

test('a line of more than 1 MiB ends it: its message fails for good, others may be tried again', async () => {
  const endless = `read -r line; id=\${line#*'"id":"'}; read -r other; printf '{"id":"%s","payload":"' "\${id%%'"'*}"; yes | tr -d '\\n'`;
  const talks = sh(
    `[ -e "${scripts.directory}/talked" ] && exec ${ECHO}; touch "${scripts.directory}/talked"; ${endless}`,
  );
  const guilty = scripts.call(talks, 'guilty');
  const innocent = scripts.call(talks, 'innocent');
  await Promise.all([
    rejectsWith(guilty, 'HANDLER_FAILED', /wrote a line of more than 1048576 bytes, the limit, and was ended$/),
    rejectsWith(innocent, 'HANDLER_RETRY', /ended before it answered: wrote a line of more than 1048576 bytes/),
  ]);
  assert.equal(talks.counters.linesTooLong, 1);
  assert.equal(await scripts.call(talks, 'again'), 'again');
});

test('one that closes its stdout is replaced, since it can answer nothing any more', async () => {
  const mute = sh(
    `[ -e "${scripts.directory}/mute" ] && exec ${ECHO}; touch "${scripts.directory}/mute"; exec >&-; sleep 60`,
  );
  await scripts.log.line(/ended \(ended by SIGTERM\) and is started again/);
  assert.equal(await scripts.call(mute, 'heard'), 'heard');
});

test('one that closes its stdin is replaced, since it can be told nothing any more', async () => {
  const deaf = sh(
    `[ -e "${scripts.directory}/deaf" ] && exec ${ECHO}; exec <&-; touch "${scripts.directory}/deaf"; sleep 60`,
  );
  await until(() => existsSync(join(scripts.directory, 'deaf')));
  await rejectsWith(scripts.call(deaf, 'x'), 'HANDLER_RETRY', /ended before it answered: ended by SIGTERM/);
  assert.equal(await scripts.call(deaf, 'heard'), 'heard');
});

test('stop while it waits to be started again starts nothing', async () => {
  const short = sh('exit 6');
  await scripts.log.line(/ended \(exit code 6\)/);
  const waiting = scripts.call(short);
  const refused = rejectsWith(waiting, 'HANDLER_RETRY', /is being stopped/);
  await short.stop();
  await refused;
  assert.equal(short.counters.restarts, 0);
});

test('the children of a co-process end with it', async () => {
  const path = join(scripts.directory, 'pids');
  const parent = sh(`sleep 60 & echo $! > '${path}.part'; mv '${path}.part' '${path}'; wait`, { stopGraceMs: 1 });
  await until(() => existsSync(path));
  await parent.stop();
  assert.equal(isAlive(Number(readFileSync(path, 'utf8'))), false);
});

test('no child is left, not even as a zombie', async () => {
  await scripts.stopAll();
  await until(() => children().length === 0);
});
