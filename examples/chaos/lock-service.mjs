// A lock service that works on every good day, and the test that finds out what is wrong with it:
//   node examples/chaos/lock-service.mjs
import { Collaborator, explore, Leader } from 'netmgr/testing';

/** Who asks gets the lock, if nobody else has it; who is done gives it back. What could go wrong? */
class NaiveLock {
  #holder;

  acquire({ who }) {
    this.#holder ??= who;
    return this.#holder === who;
  }

  release() {
    this.#holder = undefined;
  }
}

/** Each turn has a number, and nothing that comes late or twice can touch another turn. */
class FencedLock {
  #holder;
  #done = new Map();

  acquire({ who, turn }) {
    if (turn <= (this.#done.get(who) ?? 0)) return false;
    this.#holder ??= { who, turn };
    return this.#holder.who === who && this.#holder.turn === turn;
  }

  release({ who, turn }) {
    this.#done.set(who, Math.max(turn, this.#done.get(who) ?? 0));
    if (this.#holder?.who === who && this.#holder.turn === turn) this.#holder = undefined;
  }
}

/** Two workers take turns with the lock for two seconds. The network is left to chance; the promise is not. */
const scenario = (name, Lock) => ({
  name,
  nodes: ['alice', 'locks', 'bob'],
  durationMs: 1000,
  async run(world) {
    const { hub, clock, random } = world;
    const shared = { version: '1.0.0', cluster: 'shop', clock };
    const leader = new Leader({ ...shared, name: 'locks', network: hub.factory(), random: random.fork('locks') });
    const lock = new Lock();
    leader.handle('acquire', {}, (turn) => lock.acquire(turn));
    leader.handle('release', {}, (turn) => lock.release(turn));
    await leader.start();

    const inside = new Set();
    const work = async (who) => {
      const network = hub.factory({ dial: 'locks' });
      const worker = new Collaborator({ ...shared, name: who, network, random: random.fork(who) });
      await worker.start();
      // No answer: perhaps it was never heard, perhaps only the answer was lost. So it is asked again.
      const insist = async (type, turn) => {
        while (clock.now() < 2000) {
          const request = worker.request(type, { who, turn }, { timeoutMs: 100 });
          const granted = await request.then(
            (answer) => answer !== false,
            () => false,
          );
          if (granted) return true;
          await world.sleep(50);
        }
        return false;
      };
      for (let turn = 1; await insist('acquire', turn); turn += 1) {
        inside.add(who);
        world.note(who, 'holds the lock');
        if (inside.size > 1) world.violated(`${[...inside].join(' and ')} hold the lock`);
        await world.sleep(60);
        inside.delete(who);
        world.note(who, 'is done');
        await insist('release', turn);
        await world.sleep(40);
      }
    };
    await Promise.all([work('alice'), work('bob')]);
  },
});

for (const [name, Lock] of [
  ['the naive lock', NaiveLock],
  ['the fenced lock', FencedLock],
]) {
  const { failure, seeds } = await explore(scenario(name, Lock), { seeds: 200 });
  console.log(failure ? `${failure.report}\n` : `${name} holds under ${seeds} fault schedules.`);
}
