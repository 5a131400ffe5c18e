import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { payloadOf } from '../../../src/message/raw-payload.js';
import type { Endpoint } from '../../../src/network/endpoint.js';
import { assertNothingLeft } from '../../leaks.js';
import { type EndpointLab, makeEndpointLab } from '../endpoint-lab.js';
import { bytesOf, collect, forms, sha256 } from './material.js';

assertNothingLeft();

describe('a body', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let b: Endpoint;

  beforeEach(async () => {
    lab = makeEndpointLab({ codec: 'msgpack' });
    a = await lab.endpoint('a');
    b = await lab.endpoint('b', { dial: 'a' });
  });
  afterEach(async () => {
    await lab.stopAll();
    assert.equal(lab.clock.pending, 0);
  });

  for (const size of [0, 1, 65_536, 3_000_001]) {
    for (const form of Object.keys(forms(new Uint8Array(0)))) {
      it(`of ${size} bytes arrives as it was sent: ${form}`, async () => {
        const bytes = bytesOf(size);
        a.handle({ handle: async (_, { body, payload }) => [payload, sha256(await collect(body))] });
        const body = forms(bytes)[form] as Uint8Array;
        const answer = await lab.settle(b.request({ type: 'store', to: 'a', payload: 'name', body }));
        assert.deepEqual(payloadOf(answer), ['name', sha256(bytes)]);
      });
    }
  }
});
