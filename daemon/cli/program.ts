import { Command } from 'commander';
import { defineAgentCommands } from './agents/define.ts';
import { defineBackupCommands } from './backup/define.ts';
import { defineCallCommands } from './calls/define.ts';
import type { CliContext, CliHost } from './context.ts';
import { defineLogCommands } from './log/define.ts';
import { defineMcpCommand } from './mcp/define.ts';
import { defineMeshCommands } from './mesh/define.ts';
import { defineNodeCommands } from './node/define.ts';
import { defineRecordCommands } from './records/define.ts';
import { defineServiceCommands } from './service/define.ts';
import { defineWorkCommands } from './work/define.ts';

/** Runs the body of a command with its context; the body gives the exit code. */
export type Act = (run: (context: CliContext) => Promise<number>) => Promise<void>;

const AFTER_HELP = `
Home:        --home, else COOEE_HOME, else /var/lib/cooee for root,
             else $XDG_STATE_HOME/cooee, else ~/.local/state/cooee
Ticket:      --ticket, else the file that COOEE_TICKET_FILE names
Exit codes:  0 ok · 1 failed · 2 usage or mangled input · 3 not there · 4 refused
             5 daemon not running · 6 temporary, try again`;

/**
 * The commands, their arguments and options. Only definitions: the code of a command is loaded when
 * it runs.
 *
 * The program's version is `-V` alone, since `id encode` has a `--version`; positional options stay
 * off, so that `--home`, `--socket` and `--json` work after any command; usage errors are thrown
 * (`exitOverride`).
 */
export function buildProgram(host: CliHost, act: Act): Command {
  const program = new Command('cooee')
    .description('A peer-to-peer mesh daemon for AI agents.')
    .version(host.version, '-V', 'print the version of this program')
    .helpOption('-h, --help', 'print help')
    .option('--home <folder>', 'the home of the node')
    .option('--socket <path>', 'the operator socket (default: cooee.sock in the home)')
    .option('--ticket <file>', 'act as the agent of the ticket in this file')
    .option('--json', 'print JSON, for scripts')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      // Usage errors, a missing command among them, are reported by the caller as typed errors.
      writeErr: () => undefined,
      outputError: () => undefined,
    })
    .addHelpText('after', AFTER_HELP);
  defineNodeCommands(program, act);
  defineServiceCommands(program, act);
  defineMeshCommands(program, act);
  defineAgentCommands(program, act);
  defineWorkCommands(program, act);
  defineCallCommands(program, act);
  defineRecordCommands(program, act);
  defineLogCommands(program, act);
  defineBackupCommands(program, act);
  defineMcpCommand(program, act);
  return program;
}
