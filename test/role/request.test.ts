import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/base/clock.js';
import { NetworkError } from '../../src/base/errors.js';
import { type HandlerContext, handle } from '../../src/manager/handler.js';
import { assertNothingLeft } from '../leaks.js';
import { Puppet } from './puppet.js';
import { Stage } from './stage.js';

assertNothingLeft();

const codeIs = (code: string, text?: RegExp) => (error: NetworkError) => {
  assert.equal(error.code, code, `${error.code}: ${error.message}`);
  if (text) assert.match(error.message, text);
  return true;
};

test('a leader asks a node and gets what its handler returns', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1', [handle('double', {}, (n) => Number(n) * 2)]);
  assert.equal(await stage.until(leader.request('double', 21, { to: 'w1' })), 42);
  assert.equal(await stage.until(leader.request('double', 4)), 8, 'and without a name, the leader picks one');
});

test('collaborators and operators ask one another through the leader, which says who answered', async () => {
  await using stage = new Stage();
  await stage.leader();
  const w1 = await stage.collaborator('w1');
  await stage.collaborator('w2', [handle('who', {}, (_payload, { message, node }) => `${message.from} asked ${node}`)]);
  assert.equal(await stage.until(w1.request('who', null, { to: 'w2' })), 'w1 asked w2');
  const operator = await stage.operator();
  const answer = await stage.until(operator.call('who'));
  assert.deepEqual(answer, { node: 'w2', payload: 'op asked w2' });
});

test('an unknown type is answered at once, and names the node and the type', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1');
  const before = stage.clock.now();
  await assert.rejects(
    stage.until(leader.request('nope', 1, { to: 'w1' })),
    codeIs('NO_HANDLER', /w1 has no handler for 'nope'/),
  );
  assert.ok(stage.clock.now() - before < 100);
  await assert.rejects(stage.until(leader.request('nope', 1)), codeIs('NO_HANDLER', /no node that is alive/));
});

test('a throw is answered with its message and without its stack', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const fail = handle('fail', {}, () => {
    throw new TypeError('the disk is upside down');
  });
  const retry = handle('retry', {}, async () => {
    throw new NetworkError('HANDLER_RETRY', 'come back later');
  });
  await stage.collaborator('w1', [fail, retry]);
  await assert.rejects(stage.until(leader.request('fail')), (error: NetworkError) => {
    assert.equal(error.code, 'HANDLER_FAILED');
    assert.equal(error.message, 'the disk is upside down');
    assert.equal(error.node, 'w1');
    return true;
  });
  await assert.rejects(stage.until(leader.request('retry')), (error: NetworkError) => error.retryable);
});

test('a payload that does not match its schema is refused with the field and the reason', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  let ran = 0;
  const input = z.object({ width: z.number().max(10), unit: z.string().default('px') });
  const resize = handle('resize', { input }, (payload) => {
    ran += 1;
    return payload;
  });
  await stage.collaborator('w1', [resize]);
  await assert.rejects(stage.until(leader.request(resize, { width: 11 })), codeIs('INVALID_PAYLOAD', /width/));
  assert.equal(ran, 0);
  assert.deepEqual(await stage.until(leader.request(resize, { width: 3 })), { width: 3, unit: 'px' });
});

test('an answer that cannot be sent, or breaks its own schema, is an error and not silence', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1', [handle('big', {}, () => 10n), handle('odd', { output: z.string() }, () => 7)]);
  await assert.rejects(stage.until(leader.request('big')), codeIs('HANDLER_FAILED', /cannot be sent/));
  await assert.rejects(stage.until(leader.request('odd')), codeIs('HANDLER_FAILED', /answer of 'odd'/));
});

test('silence ends at the deadline, and the late answer is dropped and counted', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const slow = handle('slow', {}, async (_payload, { clock }) => {
    await new Promise<void>((resolve) => clock.setTimer(300, resolve));
    return 'late';
  });
  await stage.collaborator('w1', [slow]);
  stage.hub.setLinkFaults('w1', 'leader', { baseDelayMs: 250 });
  const asked = stage.clock.now();
  await assert.rejects(stage.until(leader.request('slow', null, { timeoutMs: 400 })), codeIs('TIMEOUT', /400 ms/));
  const took = stage.clock.now() - asked;
  assert.ok(took >= 400 && took <= 420, `${took} ms`);
  await stage.clock.advance(1000);
  const { counters } = leader.status().leader;
  assert.equal(counters['timeouts'], 1);
  assert.equal(counters['lateAnswers'], 1);
});

test("the handler's signal fires when the caller gives up, through the relay too", async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const seen: string[] = [];
  const wait = handle('wait', {}, (_payload, { signal }: HandlerContext) => {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        seen.push((signal.reason as NetworkError).code);
        reject(signal.reason);
      });
    });
  });
  await stage.collaborator('w1', [wait]);
  const operator = await stage.operator();
  for (const ask of [
    (signal: AbortSignal) => leader.request('wait', null, { to: 'w1', signal }),
    (signal: AbortSignal) => operator.call('wait', null, { signal }),
  ]) {
    const controller = new AbortController();
    const asked = ask(controller.signal);
    asked.catch(() => {});
    await stage.clock.advance(100);
    controller.abort();
    await assert.rejects(stage.until(asked), codeIs('CANCELLED'));
    await stage.clock.advance(100);
  }
  assert.deepEqual(seen, ['CANCELLED', 'CANCELLED']);
});

test("the handler's own limit is answered TIMEOUT and fires its signal", async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  let aborted = false;
  const endless = handle('endless', { timeoutMs: 200 }, (_payload, { signal }) => {
    signal.addEventListener('abort', () => {
      aborted = true;
    });
    return new Promise(() => {});
  });
  await stage.collaborator('w1', [endless]);
  await assert.rejects(stage.until(leader.request('endless')), codeIs('TIMEOUT', /longer than its limit of 200 ms/));
  assert.ok(aborted);
});

test('a handler runs as many at once as it may, queues as many as it may, and refuses the rest', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  let running = 0;
  let most = 0;
  const work = handle('work', { concurrency: 2, queue: 3 }, async (_payload, { clock }) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => clock.setTimer(100, resolve));
    running -= 1;
    return 'done';
  });
  await stage.collaborator('w1', [work]);
  const asked = Array.from({ length: 8 }, () => leader.request('work', null, { to: 'w1' }));
  const outcomes = await stage.until(Promise.allSettled(asked));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(most, 2);
  assert.equal(outcomes.length - refused.length, 5);
  for (const outcome of refused) codeIs('OVERLOADED', /2 'work' running and 3 waiting/)(outcome.reason);
});

test('what waits for a handler of the leader has a bound in bytes, and makes room as it is done', async () => {
  await using stage = new Stage();
  let release: () => void = () => {};
  const slow = handle('slow', { concurrency: 1 }, () => new Promise<void>((resolve) => (release = resolve)));
  await stage.leader({ handlers: [slow] });
  const asker = await stage.collaborator('asker');
  const codes: string[] = [];
  const ask = async (times: number) => {
    for (let i = 0; i < times; i += 1) {
      const asked = asker.request('slow', 'x'.repeat(1_000_000), { to: 'leader', timeoutMs: 600_000 });
      void asked.catch((error) => codes.push(error.code));
      await stage.clock.advance(1);
    }
  };
  await ask(80);
  await stage.clock.advance(100);
  // One runs, and 64 MiB hold 67 that wait.
  assert.deepEqual(codes, new Array(80 - 68).fill('OVERLOADED'));
  for (let i = 0; i < 10; i += 1) {
    release();
    await stage.clock.advance(10);
  }
  codes.length = 0;
  await ask(12);
  await stage.clock.advance(100);
  assert.deepEqual(codes, ['OVERLOADED', 'OVERLOADED']);
});

test('repeated requests and answers do no harm', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  let runs = 0;
  await stage.collaborator('w1', [
    handle('once', {}, async (_payload, { clock }) => {
      runs += 1;
      await new Promise<void>((resolve) => clock.setTimer(50, resolve));
      return runs;
    }),
  ]);
  stage.hub.setFaults({ duplicateRate: 1 });
  assert.equal(await stage.until(leader.request('once')), 1);
  await stage.clock.advance(200);
  assert.equal(runs, 1, 'a repeat of a request that is being handled is ignored');
  assert.ok((leader.status().leader.counters['lateAnswers'] ?? 0) >= 1, 'a repeat of an answer is counted');
});

test('a request that comes again has as much time as the repeat says', async () => {
  await using stage = new Stage();
  const slow = handle('slow', {}, (_payload, { clock, signal }) => sleep(clock, 450, signal).then(() => 'done'));
  const leader = await stage.leader({ handlers: [slow] });
  const puppet = await Puppet.join(stage, 'puppet');
  const request = { id: 'r-1', kind: 'request', type: 'slow' } as const;
  puppet.say({ ...request, ttl: 200 });
  await stage.clock.advance(150);
  puppet.say({ ...request, ttl: 400 });
  await stage.clock.advance(400);
  assert.equal(puppet.answerTo('r-1'), 'done');
  assert.equal(leader.status().leader.counters['duplicates'], 1);
  puppet.say({ ...request, id: 'r-2', ttl: 200 });
  await stage.clock.advance(600);
  assert.equal(puppet.answerTo('r-2'), undefined);
});

test('whoever waits for a node that goes away is told at once', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1', [handle('hang', {}, () => new Promise(() => {}))]);
  const asked = leader.request('hang', null, { to: 'w1', timeoutMs: 60_000 });
  asked.catch(() => {});
  await stage.clock.advance(100);
  stage.hub.crash('w1');
  const before = stage.clock.now();
  await assert.rejects(stage.until(asked), codeIs('CLOSED', /w1/));
  assert.ok(stage.clock.now() - before <= 1000);
  await assert.rejects(stage.until(leader.request('hang', null, { to: 'w1' })), codeIs('UNREACHABLE'));
});

test('work goes to another node when the first cannot take it', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const full = handle('job', { concurrency: 1, queue: 0 }, () => new Promise(() => {}));
  const free = handle('job', {}, (_payload, { node }) => node);
  await stage.collaborator('w1', [full]);
  const blocker = leader.request('job', null, { to: 'w1', timeoutMs: 60_000 });
  blocker.catch(() => {});
  await stage.collaborator('w2', [free]);
  const answers = await stage.until(Promise.all(Array.from({ length: 20 }, () => leader.request('job'))));
  assert.deepEqual(new Set(answers), new Set(['w2']));
});

test('callEach gives each answer as it comes, silence as silence', async () => {
  await using stage = new Stage();
  await stage.leader();
  await stage.collaborator('fast', [handle('hi', {}, () => 'fast')]);
  await stage.collaborator('bad', []);
  await stage.collaborator('mute', [handle('hi', {}, () => new Promise(() => {}))]);
  const operator = await stage.operator();
  const seen: string[] = [];
  const read = async () => {
    for await (const answer of operator.callEach('hi', null, { nodes: ['mute', 'fast', 'bad'], timeoutMs: 500 })) {
      seen.push(`${answer.node} ${answer.ok ? answer.payload : answer.error.code}`);
    }
  };
  await stage.until(read());
  assert.deepEqual(seen.slice(0, 2).sort(), ['bad NO_HANDLER', 'fast fast']);
  assert.equal(seen[2], 'mute TIMEOUT');
});

test('events reach one, some, or everybody but their sender', async () => {
  await using stage = new Stage();
  const got: string[] = [];
  const note = (node: string) => handle('note', {}, (payload) => void got.push(`${node} ${payload}`));
  const leader = await stage.leader({ handlers: [note('leader')] });
  const w1 = await stage.collaborator('w1', [note('w1')]);
  await stage.collaborator('w2', [note('w2')]);
  const operator = await stage.operator();
  assert.equal(leader.broadcast('note', 'a'), 2);
  await stage.clock.advance(100);
  w1.broadcast('note', 'b');
  w1.emit('note', 'c', { to: 'w2' });
  await stage.clock.advance(100);
  const outcome = await stage.until(operator.emitEach('note', 'd', { nodes: ['w1', 'gone'] }));
  assert.deepEqual(outcome, [
    { node: 'w1', sent: true },
    { node: 'gone', sent: false, code: 'UNREACHABLE' },
  ]);
  await stage.clock.advance(100);
  assert.deepEqual(got.sort(), ['leader b', 'w1 a', 'w1 d', 'w2 a', 'w2 b', 'w2 c']);
});

test('bytes and odd keys travel unharmed through the relay', async () => {
  await using stage = new Stage();
  await stage.leader();
  await stage.collaborator('w1', [handle('echo', {}, (payload) => payload)]);
  const operator = await stage.operator();
  const payload = JSON.parse('{"__proto__":{"polluted":true},"$b64":"not bytes","n":null}');
  const answer = await stage.until(operator.call('echo', payload));
  assert.deepEqual(JSON.stringify(answer.payload), JSON.stringify(payload));
  assert.equal((Object.prototype as { polluted?: boolean }).polluted, undefined);
  const bytes = await stage.until(operator.call('echo', { data: new Uint8Array([0, 255, 7]) }));
  assert.deepEqual((bytes.payload as { data: Uint8Array }).data, new Uint8Array([0, 255, 7]));
});
