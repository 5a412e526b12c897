import type { Command } from 'commander';
import type { Act } from '../program.ts';

/** The command for MCP clients. */
export function defineMcpCommand(program: Command, act: Act): void {
  program
    .command('mcp')
    .description('serve MCP on stdin and stdout, for a client that starts this program')
    .option('--agent-socket <path>', 'the agent socket (default: agent.sock in the home)')
    .action((options) =>
      act(async (context) => (await import('./mcp.ts')).runMcpCommand(context, options)),
    );
}
