/** Keys that the first layer takes, in 147 KB; each further one takes twice as many. */
const FIRST_LAYER_KEYS = 65_536;

/** With these a filter takes 8,323,072 keys in 13.5 MB: 1.6 MB a million. */
const LAYERS_MAX = 7;

/** How large a {@link KeyFilter} may grow. */
export interface KeyFilterInit {
  /** A multiple of 32; default 65,536. */
  readonly firstLayerKeys?: number | undefined;
  /** Default 7. */
  readonly layersMax?: number | undefined;
}

/**
 * Bits a key in the last and largest layer, and one more in each before it: where they cost least.
 * All layers together say 'perhaps' wrongly of less than one key in a hundred when all are full.
 */
const LAST_LAYER_BITS = 12;

/** Bits that are set for a key. */
const PROBES = 8;

const WORD_BITS = 32;
const TWO_TO_32 = 2 ** WORD_BITS;

interface Layer {
  readonly words: Uint32Array;
  /** How many bits of `words` are in use. */
  readonly size: number;
  /** Keys that still go into it. */
  free: number;
}

/**
 * Knows of keys of tables that they were surely never added. A Bloom filter (Bloom 1970,
 * "Space/time trade-offs in hash coding with allowable errors"), whose probes come from two hashes
 * (Kirsch and Mitzenmacher 2006, "Less hashing, same performance"), in layers of growing size
 * (Almeida et al. 2007, "Scalable Bloom filters"); their sizes have a bound here, so the bits are
 * spent on the small ones. Nothing is ever taken out.
 *
 * Keys are picked by members, and so the hashes begin with a secret of this process. It is no
 * cryptographic hash: whoever made keys meet all the same would gain that those are looked for in
 * the store, which is what happens to every key without a filter.
 */
export class KeyFilter {
  readonly #seed: readonly [number, number];
  readonly #firstLayerKeys: number;
  readonly #layersMax: number;
  readonly #layers: Layer[] = [];
  #size = 0;
  #isFull = false;
  /** Of the key that was hashed last. */
  #first = 0;
  #step = 0;

  /** @param seed - 8 unpredictable bytes */
  constructor(seed: Uint8Array, init: KeyFilterInit = {}) {
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
    this.#seed = [view.getUint32(0), view.getUint32(4)];
    this.#firstLayerKeys = init.firstLayerKeys ?? FIRST_LAYER_KEYS;
    this.#layersMax = init.layersMax ?? LAYERS_MAX;
  }

  /** Keys that were added, each once. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#layers.reduce((sum, { words }) => sum + words.byteLength, 0);
  }

  /** More came than it takes: it knows nothing any more, and takes no memory. */
  get isFull(): boolean {
    return this.#isFull;
  }

  add(table: string, key: string): void {
    if (this.mayHave(table, key)) return;
    let layer = this.#layers.at(-1);
    if (layer === undefined || layer.free === 0) layer = this.#grow();
    if (layer === undefined) return;
    layer.free--;
    this.#size++;
    let at = this.#first;
    for (let i = 0; i < PROBES; i++) {
      const bit = bitOf(at, layer.size);
      const word = bit >>> 5;
      layer.words[word] = (layer.words[word] ?? 0) | (1 << (bit & 31));
      at = (at + this.#step) >>> 0;
    }
  }

  /** False = it was never added; true = perhaps it was. */
  mayHave(table: string, key: string): boolean {
    if (this.#isFull) return true;
    this.#hash(table, key);
    for (const { words, size } of this.#layers) {
      if (this.#isIn(words, size)) return true;
    }
    return false;
  }

  #isIn(words: Uint32Array, size: number): boolean {
    let at = this.#first;
    for (let i = 0; i < PROBES; i++) {
      const bit = bitOf(at, size);
      if (((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
      at = (at + this.#step) >>> 0;
    }
    return true;
  }

  #grow(): Layer | undefined {
    const n = this.#layers.length;
    if (n === this.#layersMax) {
      this.#isFull = true;
      this.#size = 0;
      this.#layers.length = 0;
      return undefined;
    }
    const free = this.#firstLayerKeys * 2 ** n;
    const size = free * (LAST_LAYER_BITS + this.#layersMax - 1 - n);
    const layer = { words: new Uint32Array(size / WORD_BITS), size, free };
    this.#layers.push(layer);
    return layer;
  }

  /**
   * Two hashes of 32 bits over the UTF-16 units of both texts, as FNV-1a but turned with each unit,
   * so that high bits come down too; then mixed as MurmurHash3 does (Appleby), each with the other.
   */
  #hash(table: string, key: string): void {
    let a = this.#seed[0];
    let b = this.#seed[1];
    for (let i = 0; i < table.length; i++) {
      const unit = table.charCodeAt(i);
      a = Math.imul(((a << 5) | (a >>> 27)) ^ unit, 0x9e3779b1);
      b = Math.imul(((b << 7) | (b >>> 25)) ^ unit, 0x85ebca77);
    }
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      a = Math.imul(((a << 5) | (a >>> 27)) ^ unit, 0x9e3779b1);
      b = Math.imul(((b << 7) | (b >>> 25)) ^ unit, 0x85ebca77);
    }
    this.#first = mix(a ^ (b >>> 15)) >>> 0;
    // Odd: the probes are all different ones.
    this.#step = (mix(b ^ (a >>> 13)) | 1) >>> 0;
  }
}

/** Which of `size` bits stands for a hash: its upper digits, as it were. */
function bitOf(hash: number, size: number): number {
  return Math.floor((hash * size) / TWO_TO_32);
}

function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
