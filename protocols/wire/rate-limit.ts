/**
 * Token buckets: how often a peer may do something. Pure: the time comes in as a number, so that
 * the same calls give the same answers in a test, in the simulator and in the daemon.
 */

/** An allowance. */
export interface RateInit {
  /** Tokens that come back per second. */
  readonly ratePerSecond: number;
  /** Tokens that can be saved up: what may come at once after a pause. At least 1. */
  readonly burst: number;
}

/** One bucket. It starts full. */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  /** @param nowMs monotonic time, the same clock as in every later call */
  constructor(init: RateInit, nowMs: number) {
    if (!(init.ratePerSecond > 0) || !(init.burst >= 1)) {
      throw new RangeError('a rate must be above 0 and a burst at least 1');
    }
    this.#ratePerMs = init.ratePerSecond / 1000;
    this.#burst = init.burst;
    this.#tokens = init.burst;
    this.#atMs = nowMs;
  }

  /** Takes `cost` tokens when there are as many; false takes nothing. */
  take(nowMs: number, cost = 1): boolean {
    this.#refill(nowMs);
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  /**
   * Milliseconds until `cost` tokens are there; 0 when they are, Infinity when the bucket is too
   * small for them.
   */
  waitMs(nowMs: number, cost = 1): number {
    this.#refill(nowMs);
    if (cost > this.#burst) return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.ceil((cost - this.#tokens) / this.#ratePerMs));
  }

  /** Whether nothing of it is used: forgetting it then loses nothing. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#burst;
  }

  #refill(nowMs: number): void {
    // A clock that steps back gives nothing and takes nothing.
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(this.#atMs, nowMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + passedMs * this.#ratePerMs);
  }
}

/** Options of {@link RateLimiter}. */
export interface RateLimiterInit extends RateInit {
  /**
   * Keys remembered at once. Beyond it the key that was idle longest is forgotten and starts with a
   * full bucket when it comes back: keep it well above the number of peers that can be connected.
   * Default 4,096.
   */
  readonly keysMax?: number;
}

/** One bucket per key (a peer, an address), with a bound on the keys. */
export class RateLimiter {
  readonly #init: RateInit;
  readonly #keysMax: number;
  /** In order of last use, oldest first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(init: RateLimiterInit) {
    this.#init = { ratePerSecond: init.ratePerSecond, burst: init.burst };
    this.#keysMax = init.keysMax ?? 4096;
  }

  /** Takes `cost` tokens of the key's bucket when there are as many. */
  take(key: string, nowMs: number, cost = 1): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#init, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#keysMax) this.#forgetOldest();
    return bucket.take(nowMs, cost);
  }

  /** Whether nothing of the key's allowance is used. */
  isFull(key: string, nowMs: number): boolean {
    return this.#buckets.get(key)?.isFull(nowMs) ?? true;
  }

  /** Forgets a key (its peer left). */
  forget(key: string): void {
    this.#buckets.delete(key);
  }

  /** Keys remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}
