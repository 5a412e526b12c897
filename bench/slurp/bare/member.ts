// One of three processes that do what no commit can do without: read a request, append it to a
// file, sync, have another one do so, answer. Arguments: the log's file; for the one that leads,
// also its socket and the ports of the others.
import { fdatasync, openSync, write } from 'node:fs';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';

const HEADER_BYTES = 8;
const ROUND_BYTES = 4;
const ANSWER = '{"state":"committed"}';

const [, , file = '', socketPath, ...ports] = process.argv;
const log = openSync(file, 'a');
const [writeTo, sync] = [promisify(write), promisify(fdatasync)];

async function append(bytes: Uint8Array): Promise<void> {
  await writeTo(log, bytes);
  await sync(log);
}

/** Takes messages of a known length out of what comes. */
function onMessages(socket: Socket, take: (bytes: Buffer) => number): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', () => process.exit(1));
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let used = take(rest); used > 0; used = take(rest)) rest = rest.subarray(used);
  });
}

/** Appends what the leader sends, and says so. */
function follow(): void {
  let work = Promise.resolve();
  const server = createServer((socket) => {
    onMessages(socket, (bytes) => {
      if (bytes.length < HEADER_BYTES) return 0;
      const end = HEADER_BYTES + bytes.readUInt32BE(0);
      if (bytes.length < end) return 0;
      const round = bytes.subarray(ROUND_BYTES, HEADER_BYTES);
      work = work.then(async () => {
        await append(bytes.subarray(HEADER_BYTES, end));
        socket.write(round);
      });
      return end;
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

/** The link to one that follows. */
class Follower {
  readonly #socket: Socket;
  #round = 0;
  #heard: (() => void) | undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    onMessages(this.#socket, (bytes) => {
      if (bytes.length < ROUND_BYTES) return 0;
      if (bytes.readUInt32BE(0) === this.#round) this.#heard?.();
      return ROUND_BYTES;
    });
  }

  /** Resolves when it has these bytes on its disk. */
  async send(round: number, bytes: Uint8Array): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32BE(bytes.length, 0);
    header.writeUInt32BE(round, ROUND_BYTES);
    this.#round = round;
    await new Promise<void>((heard) => {
      this.#heard = heard;
      this.#socket.write(Buffer.concat([header, bytes]));
    });
  }
}

/**
 * Answers once it and another one have a request on their disks; what comes meanwhile goes next.
 */
function lead(path: string): void {
  const followers = ports.map((port) => new Follower(Number(port)));
  let waiting: { readonly bytes: Uint8Array; readonly response: ServerResponse }[] = [];
  let round = 0;
  let isBusy = false;
  const run = async (): Promise<void> => {
    isBusy = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      round += 1;
      const bytes = Buffer.concat(group.map((it) => it.bytes));
      const others = followers.map((follower) => follower.send(round, bytes));
      await Promise.all([append(bytes), Promise.any(others)]);
      for (const { response } of group) response.end(ANSWER);
    }
    isBusy = false;
  };
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(200, { 'content-length': ANSWER.length });
      waiting.push({ bytes: Buffer.concat(chunks), response });
      if (!isBusy) void run();
    });
  });
  server.listen(path, () => process.send?.('listening'));
}

process.on('disconnect', () => process.exit());
if (socketPath === undefined) follow();
else lead(socketPath);
