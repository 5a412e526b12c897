import { join, resolve } from 'node:path';
import { CooeeError } from '../../../protocols/interface/index.ts';
import { runMcp } from '../../mcp/index.ts';
import { type CliContext, given } from '../context.ts';
import { readTicketFile } from '../input/ticket-file.ts';

/** Options of `cooee mcp` as they were typed. */
export interface McpFlags {
  readonly agentSocket?: string;
}

/** `cooee mcp`: serves MCP until its client is gone. stdout is the protocol's alone. */
export async function runMcpCommand(context: CliContext, flags: McpFlags): Promise<number> {
  const { host, home, socketFlag, ticketFile } = context;
  if (socketFlag !== undefined) {
    throw new CooeeError('ERR_API_USAGE', 'mcp does not use the operator socket', {
      remedy: 'Name the agent socket: cooee mcp --agent-socket PATH',
    });
  }
  const agentSocket = given(flags.agentSocket, '--agent-socket');
  return await runMcp({
    socketPath:
      agentSocket === undefined ? join(home, 'agent.sock') : resolve(host.cwd, agentSocket),
    ticket: ticketFile === undefined ? undefined : () => readTicketFile(ticketFile),
    version: host.version,
    stdin: process.stdin,
    stdout: process.stdout,
    log: (text) => host.stderr.write(`cooee mcp: ${text}\n`),
  });
}
