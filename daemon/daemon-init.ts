import type { PrivateKey } from '@libp2p/interface';
import type {
  Clock,
  Crypto,
  Health,
  Logger,
  Metrics,
  Random,
  Sealer,
  Signer,
  Startable,
} from '../protocols/interface/index.ts';
import type { Home } from '../storage/home.ts';
import type { Host } from './host.ts';
import type { NodeEvent } from './node.ts';
import type { Settings } from './settings.ts';

/** What outlives every mesh of a home. */
export interface DaemonComponents {
  readonly home: Home;
  readonly host: Host;
  readonly privateKey: PrivateKey;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer & Startable;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly onEvent: (event: NodeEvent) => void;
  /** A node is about to start: its number, and the log index up to which nothing will be told. */
  readonly onNode: (boot: number, appliedIndex: number) => void;
  readonly onFatal: (error: Error) => void;
}

/** Settings of `Daemon`. */
export interface DaemonInit {
  readonly config: Settings;
  readonly name: string;
  /** Age recipient of this node. */
  readonly recipient: string;
  readonly listen: readonly string[];
  readonly mdns: boolean;
}
