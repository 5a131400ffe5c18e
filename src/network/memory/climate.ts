import type { NodeId } from '../../base/names.js';
import type { Link } from './link.js';
import { type LinkFaults, resolveFaults } from './options.js';

/** Faults that lie over the standing ones for a while. */
export interface Layer {
  readonly faults: Partial<LinkFaults>;
  /** Links from this node only. */
  readonly from?: NodeId | undefined;
  /** Links to this node only. */
  readonly to?: NodeId | undefined;
}

/** Which faults each link has: its own or everybody's, and what lies over them, the latest on top. */
export class Climate {
  #base: LinkFaults;
  #layers: readonly Layer[] = [];
  /** Links remember what they were told at a version. */
  #version = 1;

  constructor(faults: Partial<LinkFaults>) {
    this.#base = resolveFaults(faults);
  }

  of(link: Link): LinkFaults {
    const { remembered } = link;
    if (remembered.version === this.#version && remembered.faults) return remembered.faults;
    remembered.faults = this.#resolve(link);
    remembered.version = this.#version;
    return remembered.faults;
  }

  /** Of every link that has none of its own; what is left out stays. */
  set(faults: Partial<LinkFaults>): void {
    this.#base = resolveFaults(faults, this.#base);
    this.#version += 1;
  }

  /** A link's own; undefined: everybody's again. */
  setOwn(link: Link, faults: Partial<LinkFaults> | undefined): void {
    link.own = faults && resolveFaults(faults, link.own ?? this.#base);
    this.#version += 1;
  }

  /** @returns what takes it away again */
  add(layer: Layer): () => void {
    resolveFaults(layer.faults);
    this.#layers = [...this.#layers, layer];
    this.#version += 1;
    return () => {
      this.#layers = this.#layers.filter((other) => other !== layer);
      this.#version += 1;
    };
  }

  #resolve(link: Link): LinkFaults {
    let faults = link.own ?? this.#base;
    for (const layer of this.#layers) {
      if (layer.from !== undefined && layer.from !== link.from) continue;
      if (layer.to !== undefined && layer.to !== link.to) continue;
      faults = resolveFaults(layer.faults, faults);
    }
    return faults;
  }
}
