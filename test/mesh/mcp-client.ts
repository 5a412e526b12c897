import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  type CallToolResult,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { MAIN, type TestHost } from './harness.ts';

/** What a tool of ours answers. */
export interface Answered {
  readonly text: string;
  readonly isError: boolean;
  /** The error as the API has it. */
  readonly error: { readonly code: string; readonly remedy: string } | undefined;
  readonly untrusted: { readonly notice: string; readonly authors: string[] } | undefined;
  // The answer is held against the schema of the tool by the SDK's client.
  readonly answer: Record<string, unknown>;
}

/** An MCP client with a server that it started, as programs for people do it. */
export class TestMcp {
  readonly client = new Client({ name: 'test', version: '1' });
  readonly transport: StdioClientTransport;
  /** URIs of `notifications/resources/updated`, in their order. */
  readonly updated: string[] = [];
  stderr = '';

  constructor(host: TestHost, options: { readonly ticketFile?: string } = {}) {
    const { ticketFile } = options;
    const ticket = ticketFile === undefined ? [] : ['--ticket', ticketFile];
    this.transport = new StdioClientTransport({
      command: process.execPath,
      args: [MAIN, 'mcp', '--home', host.home, ...ticket],
      stderr: 'pipe',
    });
    this.transport.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      this.updated.push(params.uri);
    });
  }

  /** Starts the server; afterwards answers are held against the schemas of their tools. */
  async connect(): Promise<void> {
    await this.client.connect(this.transport);
    await this.client.listTools();
  }

  async call(
    name: string,
    args: Record<string, unknown> = {},
    options: Parameters<Client['callTool']>[2] = {},
  ): Promise<Answered> {
    const params = { name, arguments: args };
    const result = (await this.client.callTool(params, undefined, options)) as CallToolResult;
    const structured = (result.structuredContent ?? {}) as Record<string, unknown>;
    const [content] = result.content;
    return {
      text: content?.type === 'text' ? content.text : '',
      isError: result.isError === true,
      error: result._meta?.['cooee/error'] as Answered['error'],
      untrusted: structured['untrusted'] as Answered['untrusted'],
      answer: (structured['answer'] ?? {}) as Record<string, unknown>,
    };
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** A server whose stdin and stdout are the test's own. */
export function spawnMcp(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, 'mcp', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}
