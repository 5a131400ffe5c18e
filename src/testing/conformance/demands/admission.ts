import { NetworkError } from '../../../base/errors.js';
import type { Candidate } from '../../../network/network.js';
import { demandCode, demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';

export const ADMISSION: readonly Demand[] = [
  {
    name: 'admission: a node asks who may come in; who may not is told why, and is not heard',
    about: 'requests',
    needs: ['admission'],
    async run(stage) {
      const asked: string[] = [];
      const admit = ({ node, role, instance, present }: Candidate) => {
        asked.push(`${node} ${role} ${instance !== ''} ${present?.node ?? 'new'}`);
        return node === 'c' ? new NetworkError('NOT_ALLOWED', 'not c') : {};
      };
      const a = await stage.node('a', stage.isMesh ? ['b', 'c'] : [], { admit });
      const b = await stage.node('b', ['a']);
      const c = await stage.node('c', ['a']);
      a.handle((message) => `${message.from} is heard`);
      for (const station of [a, b, c]) await stage.start(station);
      await stage.connect(b, a);
      if (stage.isMesh) {
        const refused = stage.settle(c.ask('a', 1), 'a request of one who may not come in');
        await demandCode(refused, ['NOT_ALLOWED'], 'who may not come in is told why');
      } else {
        await stage.until(
          () => c.seen('refused').length === 1,
          'who may not come in is told `refused`',
          () => c.story(),
        );
        demandEqual(c.seen('refused')[0]?.error.code, 'NOT_ALLOWED', '`refused` says why');
      }
      demandEqual(await stage.settle(b.ask('a', 1), 'a request'), 'b is heard', 'who may come in is heard');
      demandEqual(
        [...new Set(asked)].sort(),
        ['b collaborator true new', 'c collaborator true new'],
        'each newcomer is asked about',
      );
      demandEqual([...a.network.peers.keys()], ['b'], 'who may not come in is no peer');
    },
  },
  {
    name: 'admission: each side hears the greeting of the other',
    about: 'messages',
    needs: ['admission', 'greetings'],
    async run(stage) {
      const greetings: unknown[] = [];
      const admit = ({ greeting }: Candidate) => {
        greetings.push(greeting['colour']);
        return { welcome: { number: 7 } };
      };
      const a = await stage.node('a', stage.isMesh ? ['b'] : [], { admit });
      const b = await stage.node('b', ['a'], { greeting: () => ({ colour: 'blue' }) });
      await stage.start(a);
      await stage.start(b);
      await stage.connect(b, a);
      demandEqual(greetings, ['blue'], 'the admission hears the greeting of the newcomer, once');
      demandEqual(a.network.peers.get('b')?.greeting['colour'], 'blue', 'who listens keeps the greeting of who dials');
      demandEqual(b.network.peers.get('a')?.greeting['number'], 7, 'who dials hears the welcome of who listens');
    },
  },
];
