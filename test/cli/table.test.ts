import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonText, visibleText } from '../../src/cli/output.js';
import { progressLine } from '../../src/cli/progress.js';
import { colourLevel, PLAIN } from '../../src/cli/style.js';
import { clip, displayWidth, type TableLook } from '../../src/cli/table.js';
import { renderCollaborator } from '../../src/cli/views/collaborator.js';
import { renderNode, renderNodes } from '../../src/cli/views/nodes.js';
import { renderStatus } from '../../src/cli/views/status.js';
import type { ClusterStatus, CollaboratorStatus, NodeStatus } from '../../src/role/status.js';

const look = (width: number | undefined): TableLook => ({ width, style: PLAIN });

function nodeStatus(parts: Partial<NodeStatus> = {}): NodeStatus {
  return {
    node: 'build-worker-01.example',
    role: 'collaborator',
    status: 'alive',
    address: '192.0.2.11:50122',
    tags: { gpu: '1', zone: 'eu-west-1a' },
    handlers: ['sha256', 'resize', 'score'],
    slots: { busy: 1, total: 4 },
    rttMs: 0.4,
    heartbeatAgeMs: 812,
    loopLagMs: 1.2,
    version: '0.1.0',
    pid: 4712,
    joinedAt: 1_763_630_001_000,
    lastSeenAt: 1_763_630_060_000,
    device: null,
    messages: { in: 120, out: 118, errors: 0 },
    bytes: { in: 40_210, out: 39_800 },
    ...parts,
  };
}

function clusterStatus(nodes: readonly NodeStatus[], text = 'default'): ClusterStatus {
  return {
    schema: 1,
    cluster: text,
    leader: {
      node: text,
      address: `wss://192.0.2.10:7700${text}`,
      version: text,
      pid: 4711,
      state: 'serving',
      startedAt: 1_763_630_000_000,
      uptimeMs: 61_000,
      counters: { handled: 5, [text]: 3 },
    },
    counts: { joining: 0, alive: nodes.length, suspect: 0, lost: 1, draining: 0, left: 0 },
    nodes,
    revision: 1,
  };
}

test('no line of the status is wider than the terminal, and the important columns stay', async () => {
  const nodes = [nodeStatus(), nodeStatus({ node: 'w2', status: 'suspect', tags: { name: '漢字漢字漢字漢字漢字' } })];
  for (const width of [40, 60, 80, 100, 120, 200]) {
    const text = await renderStatus(clusterStatus(nodes), look(width));
    for (const line of text.split('\n')) assert.ok(displayWidth(line) <= width, `${width}: ${line}`);
    for (const wanted of ['NODE', 'STATUS', 'build-worker', 'suspect'])
      assert.ok(text.includes(wanted), `${width}: ${wanted}`);
  }
  const narrow = await renderStatus(clusterStatus(nodes), look(60));
  assert.match(narrow, /BUSY/);
  assert.doesNotMatch(narrow, /VERSION/);
});

test('what is not text is never cut short: a number either stands whole or not at all', async () => {
  for (let width = 30; width <= 130; width += 1) {
    const [head = '', row = ''] = (await renderNodes([nodeStatus()], look(width))).split('\n');
    if (head.includes('SEEN')) assert.match(row, /812ms ago/, String(width));
    if (head.includes('RTT')) assert.match(row, /0\.4ms/, String(width));
    if (head.includes('BUSY')) assert.match(row, /1\/4/, String(width));
    assert.match(row, /alive/, String(width));
  }
});

test('without a terminal everything is there', async () => {
  const text = await renderStatus(clusterStatus([nodeStatus()]), look(undefined));
  for (const wanted of [
    'build-worker-01.example',
    'sha256 resize score',
    'gpu=1 zone=eu-west-1a',
    '192.0.2.11:50122',
    '0.1.0',
  ]) {
    assert.ok(text.includes(wanted), wanted);
  }
});

const HOSTILE = '\x1b]0;x\x07\x1b[2J\u202e\u009b31m\r\n\u2028\ufeff\x7f\ud800';
const RAW = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u;

test('no view lets a control character of a peer through', async () => {
  const node = nodeStatus({
    node: HOSTILE,
    address: HOSTILE,
    tags: { [HOSTILE]: HOSTILE },
    handlers: [HOSTILE],
    version: HOSTILE,
  });
  const self: CollaboratorStatus = {
    schema: 1,
    cluster: HOSTILE,
    view: 'collaborator',
    node: HOSTILE,
    version: HOSTILE,
    pid: 1,
    leader: {
      node: HOSTILE,
      address: HOSTILE,
      connected: false,
      since: 0,
      rttMs: null,
      lastError: { code: HOSTILE, message: HOSTILE },
    },
    tags: { [HOSTILE]: HOSTILE },
    handlers: [HOSTILE],
    slots: { busy: 0, total: 1 },
    counters: { [HOSTILE]: 1 },
    startedAt: 0,
    uptimeMs: 0,
  };
  for (const width of [undefined, 60, 120]) {
    const texts = [
      await renderStatus(clusterStatus([node], HOSTILE), look(width)),
      await renderStatus(clusterStatus([], HOSTILE), look(width)),
      await renderNodes([node], look(width)),
      renderNode(node, look(width)),
      renderCollaborator(self, 1000, look(width)),
      progressLine({ done: 1, failed: 0, running: 0, total: 2, remark: undefined }, 10, 60),
    ];
    for (const text of texts) assert.doesNotMatch(text.replaceAll('\n', ''), RAW);
  }
});

test('JSON stays the same value and moves no terminal', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
      const whole = { value, text, hostile: HOSTILE };
      for (const indent of [undefined, 2]) {
        const written = jsonText(whole, indent);
        assert.deepEqual(JSON.parse(written), JSON.parse(JSON.stringify(whole)));
        assert.doesNotMatch(written.replaceAll('\n', ''), RAW);
      }
    }),
    { numRuns: 300 },
  );
  assert.equal(jsonText({ bytes: new Uint8Array([1, 2]) }), '{"bytes":{"$b64":"AQI="}}');
  assert.equal(jsonText({ bytes: Buffer.from([1, 2]) }), '{"bytes":{"$b64":"AQI="}}');
  assert.equal(visibleText('a\tb\x1b\nc'), 'a\tb\\x1b\nc');
});

test('text is clipped to cells, not to characters', () => {
  assert.equal(clip('abcdef', 6), 'abcdef');
  assert.equal(clip('abcdefg', 6), 'abcde…');
  assert.equal(clip('漢字漢字', 6), '漢字…');
  assert.equal(displayWidth('e\u0301漢'), 3);
});

test('the progress line fits, and has a bar when the length is known', () => {
  const state = { done: 50, failed: 2, running: 8, total: 100 };
  for (const width of [20, 40, 60, 80, 200]) assert.ok(progressLine(state, 5000, width).length <= width, String(width));
  assert.match(progressLine(state, 5000, 100), /^\[#{20}-{20}\] 50\/100 {2}2 failed {2}8 running {2}10\/s {2}5s left$/);
  assert.match(progressLine({ ...state, total: undefined }, 5000, 100), /^50 done/);
});

test('colour obeys FORCE_COLOR, NO_COLOR and the terminal, in this order', () => {
  const terminal = { isTTY: true };
  assert.equal(colourLevel(terminal, {}), 1);
  assert.equal(colourLevel({}, {}), 0);
  assert.equal(colourLevel(terminal, { NO_COLOR: '1' }), 0);
  assert.equal(colourLevel(terminal, { NO_COLOR: '' }), 1);
  assert.equal(colourLevel({}, { FORCE_COLOR: '1', NO_COLOR: '1' }), 1);
  assert.equal(colourLevel(terminal, { FORCE_COLOR: '0' }), 0);
  assert.equal(colourLevel(terminal, { TERM: 'dumb' }), 0);
});
