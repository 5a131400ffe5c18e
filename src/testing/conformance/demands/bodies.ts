import { createHash } from 'node:crypto';
import { deferred } from '../../../base/deferred.js';
import { NetworkError } from '../../../base/errors.js';
import type { MessageContext } from '../../../network/message-handler.js';
import type { ReadableBody } from '../../../network/streams/body.js';
import { codeOf, demand, demandCode, demandEqual, outcomeOf } from '../assertions.js';
import type { Demand } from '../demand.js';
import { PATIENT, type Station } from '../station.js';
import { noisyBytes } from './noise.js';
import { numbers } from './numbers.js';

const SIZE = 1_500_000;
const PIECE = 64 * 1024;

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Reads a body to its end. */
async function digestOf({ body }: MessageContext): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of body ?? []) hash.update(piece);
  return hash.digest('hex');
}

/** Bytes that can be read again, and stop half way until they are let go. */
function haltingBody(bytes: Uint8Array): ReadableBody & { readonly half: Promise<void>; goOn(): void } {
  const half = deferred<void>();
  const onward = deferred<void>();
  return {
    size: bytes.length,
    half: half.promise,
    goOn: () => onward.resolve(),
    async *read(offset) {
      for (let at = offset; at < bytes.length; at += PIECE) {
        if (at + PIECE > bytes.length / 2) {
          half.resolve();
          await onward.promise;
        }
        yield bytes.subarray(at, at + PIECE);
      }
    },
  };
}

const upload = (from: Station, to: string, body: Uint8Array | ReadableBody): Promise<unknown> =>
  from.request({ type: 'upload', to, body });

export const BODIES: readonly Demand[] = [
  {
    name: 'bodies: byte streams arrive whole, several at a time and both ways, the empty one as well',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, context) => digestOf(context));
      b.handle((_, context) => digestOf(context));
      const bodies = [noisyBytes(SIZE), noisyBytes(100_001), new Uint8Array(0)];
      const uploads = bodies.flatMap((bytes) => [upload(a, 'b', bytes), upload(b, 'a', bytes)]);
      const digests = await stage.settle(Promise.all(uploads), 'byte streams');
      const expected = bodies.map(digest).flatMap((one) => [one, one]);
      demandEqual(digests, expected, 'each byte stream arrives as it was sent');
    },
  },
  {
    name: 'bodies: requests are answered while a byte stream is on its way',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, context) => (context.body ? digestOf(context) : context.payload));
      const bytes = noisyBytes(SIZE);
      const body = haltingBody(bytes);
      const uploaded = upload(b, 'a', body);
      await stage.settle(body.half, 'half of a byte stream');
      const answers = await stage.settle(Promise.all(numbers(20).map((number) => b.ask('a', number))), 'requests');
      demandEqual(answers, numbers(20), 'other requests are answered meanwhile');
      body.goOn();
      demandEqual(await stage.settle(uploaded, 'a byte stream'), digest(bytes), 'it arrives as it was sent');
    },
  },
  {
    name: 'bodies: a byte stream that can be read again goes on where it was when its connection is lost',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      let handled = 0;
      a.handle((_, context) => {
        handled += 1;
        return digestOf(context);
      });
      const bytes = noisyBytes(SIZE);
      const body = haltingBody(bytes);
      const uploaded = upload(b, 'a', body);
      await stage.settle(body.half, 'half of a byte stream');
      b.network.disconnect('a', new NetworkError('RECEIVE_FAILED', 'half way'));
      await stage.until(
        () => b.seen('disconnected').length === 1,
        'the connection ends',
        () => b.story(),
      );
      body.goOn();
      demandEqual(await stage.settle(uploaded, 'a byte stream'), digest(bytes), 'it arrives as it was sent');
      demandEqual(handled, 1, 'its handler runs once');
    },
  },
  {
    name: 'bodies: who gives up ends the byte stream at both sides',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      let ended: string | undefined;
      a.handle(async (_, context) => {
        ended = await outcomeOf(digestOf(context));
      });
      const giveUp = new AbortController();
      const body = haltingBody(noisyBytes(SIZE));
      const asked = b.request({ type: 'upload', to: 'a', body }, { ...PATIENT, signal: giveUp.signal });
      const outcome = asked.catch((error: unknown) => codeOf(error));
      await stage.settle(body.half, 'half of a byte stream');
      giveUp.abort();
      demandEqual(await stage.settle(outcome, 'an aborted request'), 'CANCELLED', 'the abort ends the request');
      await stage.until(() => ended !== undefined, 'the handler is told');
      demandEqual(ended, 'CANCELLED', 'what the handler reads ends with CANCELLED');
      body.goOn();
    },
  },
  {
    name: 'bodies: a byte stream whose handler does not want the rest does not go on',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle(async (_, { body }) => {
        for await (const piece of body ?? []) return piece.length > 0;
        return false;
      });
      let read = 0;
      const endless: ReadableBody = {
        async *read() {
          for (; read < 1000; read += 1) yield noisyBytes(PIECE);
        },
      };
      demandEqual(await stage.settle(upload(b, 'a', endless), 'a byte stream'), true, 'the answer ends the request');
      demand(read < 100, 'what nobody reads is not sent', `${read} pieces of ${PIECE} bytes`);
    },
  },
  {
    name: 'bodies: a byte stream to where nobody listens ends as a request does',
    about: 'requests',
    async run(stage) {
      const [a] = await stage.pair();
      const refused = stage.settle(upload(a, 'stranger', noisyBytes(1000)), 'a byte stream to a stranger');
      const code = stage.isMesh ? 'NO_ADDRESS' : 'UNREACHABLE';
      await demandCode(refused, [code], 'a byte stream to a stranger is refused');
    },
  },
];
