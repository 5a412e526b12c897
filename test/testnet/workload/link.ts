import { connect, type Socket } from 'node:net';
import { CooeeClient } from '../../../daemon/client/index.ts';

/** A node of the mesh, as the workload reaches it. */
export interface WorkloadNode {
  /** Of this node alone; part of the names of its clients. */
  readonly name: string;
  /** The operator socket. It may come and go with the daemon; at most 103 bytes. */
  readonly socketPath: string;
}

/** What the workload needs of a client. */
export type WorkloadClient = Pick<CooeeClient, 'call' | 'close'>;

/** Makes the client of a node: tests put a mesh of their own there. */
export type Connect = (node: WorkloadNode, answerTimeoutMs: number) => WorkloadClient;

/** The typed client on the operator socket. */
export const connectBySocket: Connect = ({ socketPath }, answerTimeoutMs) =>
  new CooeeClient({ socketPath, answerTimeoutMs, connectionsMax: 16 });

const KNOCK_EVERY_MS = 50;

/**
 * One node: its client, and which run of its daemon answers. The kernel closes a connection when
 * the process behind it ends, long before another one listens: so a run has one number, and what
 * was asked under one number and answered under another may have been asked twice (the client sends
 * again what was cut).
 */
export class NodeLink {
  readonly node: WorkloadNode;
  readonly client: WorkloadClient;
  #run = 0;
  #isUp = false;
  #isClosed = false;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(node: WorkloadNode, client: WorkloadClient) {
    this.node = node;
    this.client = client;
    this.#knock();
  }

  /** The number of the run; another one after each interruption. */
  get run(): number {
    return this.#run;
  }

  /** Whether somebody holds the socket: a daemon, also one that is frozen. */
  get isUp(): boolean {
    return this.#isUp;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    await this.client.close();
  }

  #knock(): void {
    const socket = connect(this.node.socketPath);
    this.#socket = socket;
    socket.once('connect', () => {
      this.#isUp = true;
    });
    // Close follows, and is what counts.
    socket.on('error', () => undefined);
    socket.resume();
    socket.once('close', () => {
      this.#isUp = false;
      this.#run += 1;
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => this.#knock(), KNOCK_EVERY_MS);
    });
  }
}
