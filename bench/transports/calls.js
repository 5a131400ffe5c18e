/** What one writes by hand to match answers to questions; the floors use it. */
export class Calls {
  /** @type {Map<number, (payload: any) => void>} */
  #pending = new Map();
  #lastId = 0;

  /** @param {(id: number) => void} send @returns {Promise<any>} */
  call(send) {
    return new Promise((resolve) => {
      this.#lastId += 1;
      this.#pending.set(this.#lastId, resolve);
      send(this.#lastId);
    });
  }

  /** @param {{ id: number, payload: unknown }} answer */
  answered({ id, payload }) {
    const resolve = this.#pending.get(id);
    this.#pending.delete(id);
    resolve?.(payload);
  }
}
