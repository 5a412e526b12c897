import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { LIMITS, sanitizeLine, toError } from '../../protocols/interface/index.ts';
import { CooeeClient } from '../client/index.ts';
import { CooeeMcp } from './server.ts';

/** Options of {@link runMcp}. */
export interface McpInit {
  /** Path of the agent socket. */
  readonly socketPath: string;
  /** Reads the ticket of the agent that the server acts as; asked again for every request. */
  readonly ticket?: (() => Promise<string>) | undefined;
  readonly version: string;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Writes a line for the operator to stderr. */
  readonly log: (text: string) => void;
}

/** Longer than any wait of a tool, so that the daemon's own answer comes first. */
const ANSWER_TIMEOUT_MS = LIMITS.mcpWaitMsMax + 5_000;
/** What is under way when a client closes stdin may be answered; clients kill after 2 s. */
const GRACE_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Serves MCP on stdin and stdout until stdin ends or a signal comes.
 *
 * @returns the exit code: 1 when the connection broke
 * @throws CooeeError what `ticket` throws, before anything is served
 */
export async function runMcp(init: McpInit): Promise<number> {
  const { socketPath, ticket, version, stdin, stdout } = init;
  await ticket?.();
  const client = new CooeeClient({ socketPath, ticket, answerTimeoutMs: ANSWER_TIMEOUT_MS });
  const log = (text: string): void => init.log(sanitizeLine(text));
  const mcp = new CooeeMcp({ client, version, ticket, log });
  const ended = Promise.withResolvers<'stdin' | 'signal' | 'connection'>();
  const onSignal = (): void => ended.resolve('signal');
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const { server } = mcp;
  server.onerror = (error) => log(`not understood: ${toError(error).message}`);
  server.onclose = () => ended.resolve('connection');
  stdin.once('end', () => ended.resolve('stdin'));
  stdin.once('error', () => ended.resolve('stdin'));
  const maxBufferSize = LIMITS.mcpMessageBytesMax;
  await server.connect(new StdioServerTransport(stdin, stdout, { maxBufferSize }));
  const how = await ended.promise;
  if (how === 'stdin') await Promise.race([mcp.idle(), sleep(GRACE_MS, undefined, { ref: false })]);
  await mcp.close();
  await client.close();
  for (const signal of SIGNALS) process.off(signal, onSignal);
  return how === 'connection' ? 1 : 0;
}
