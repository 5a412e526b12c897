/** The DHT as the records need it: daemon/libp2p gives it. */
export interface Dht {
  /**
   * Stores a value here, unchecked, and at the members closest to the key.
   *
   * @returns how many other members said that they hold it now
   * @throws the signal's reason
   */
  put(key: Uint8Array, value: Uint8Array, signal: AbortSignal): Promise<number>;
  /** Every value that a member gave for the key, checked by nobody; none when nobody answers. */
  get(key: Uint8Array, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /**
   * Tells the members closest to a CID that this node has it.
   *
   * @returns how many were told
   */
  provide(cid: string, signal: AbortSignal): Promise<number>;
}
