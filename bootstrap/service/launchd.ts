import { CooeeError } from '../../protocols/interface/index.ts';
import { homeIn, inviteFile, isOurs } from './description.ts';
import { failed, foreign, missing, refuseOtherFolder } from './failures.ts';
import { plistText } from './plist-text.ts';
import type {
  CommandResult,
  Installed,
  LogsInit,
  Service,
  ServicePorts,
  ServiceScope,
  ServiceSpec,
  ServiceState,
  ShownCommand,
} from './types.ts';

const LABEL = 'cooee.daemon';

/** The daemon as a job of launchd: an agent of one user, or a daemon of the system. */
export class LaunchdService implements Service {
  readonly manager = 'launchd';
  readonly name = LABEL;
  readonly scope: ServiceScope;
  readonly file: string;
  readonly #ports: ServicePorts;
  readonly #logFile: string;
  /** The domain of launchctl. */
  readonly #domain: string;

  constructor(ports: ServicePorts, init: { readonly scope: ServiceScope }) {
    this.#ports = ports;
    this.scope = init.scope;
    const isSystem = init.scope === 'system';
    const library = isSystem ? '/Library' : `${ports.homedir}/Library`;
    this.file = `${library}/${isSystem ? 'LaunchDaemons' : 'LaunchAgents'}/${LABEL}.plist`;
    this.#logFile = `${library}/Logs/cooee.log`;
    this.#domain = isSystem ? 'system' : `gui/${ports.uid}`;
  }

  text(spec: ServiceSpec): string {
    return plistText(spec, {
      label: LABEL,
      logFile: this.#logFile,
      ...(this.scope === 'system' ? { user: this.#runsAs() } : {}),
    });
  }

  unreachable(): readonly string[] {
    return [];
  }

  checkRights(): void {
    if (this.scope === 'user' || this.#ports.uid === 0) return;
    throw new CooeeError('ERR_BOOTSTRAP_SERVICE_ROOT');
  }

  async install(spec: ServiceSpec, invite: string | undefined): Promise<Installed> {
    this.checkRights();
    const before = await this.#ownText();
    await refuseOtherFolder(this.#ports, spec.home);
    const text = this.text(spec);
    await this.#prepareHome(spec.home, invite);
    // launchd opens it as root, but for the daemon's user; mode 0600 keeps names of hosts private.
    if ((await this.#ports.readText(this.#logFile)) === undefined) await this.#makeLog();
    await this.#ports.writeText(this.file, text, 0o644);
    // A job that runs is not replaced: it goes first. There is mostly none.
    await this.#launchctl(['bootout', this.#target()]);
    await this.#must(['enable', this.#target()]);
    await this.#bootstrap();
    return { isUpdate: before !== undefined, remarks: [] };
  }

  async isInstalled(): Promise<boolean> {
    return (await this.#ownText()) !== undefined;
  }

  async home(): Promise<string | undefined> {
    return homeIn((await this.#ownText()) ?? '');
  }

  async state(): Promise<ServiceState> {
    const { code, stdout } = await this.#launchctl(['print', this.#target()]);
    const field = (name: string): string | undefined =>
      new RegExp(`^\\s*${name} = (.+)$`, 'mu').exec(stdout)?.[1];
    const state = code === 0 ? (field('state') ?? 'unknown') : 'not loaded';
    const lastExit = field('last exit code');
    const pid = Number(field('pid'));
    const isRunning = state === 'running';
    return {
      isRunning,
      // launchd says `spawn scheduled` between two tries.
      isFailed: !isRunning && lastExit !== undefined && !/^(?:0|\(never)/u.test(lastExit),
      isEnabled: code === 0,
      text: isRunning || lastExit === undefined ? state : `${state}, last exit code ${lastExit}`,
      pid: Number.isSafeInteger(pid) && pid > 0 ? pid : undefined,
    };
  }

  async remove(): Promise<void> {
    this.checkRights();
    if ((await this.#ownText()) === undefined) throw missing(this.file);
    // One that is not loaded is no fault; one that does not go is.
    await this.#launchctl(['bootout', this.#target()]);
    if ((await this.state()).isRunning) {
      throw new CooeeError('ERR_BOOTSTRAP_SERVICE_FAILED', 'launchd does not stop it.');
    }
    await this.#ports.remove(this.file);
  }

  logs({ lines, follow }: LogsInit): ShownCommand {
    return this.#ports.show('tail', [`-n${lines}`, ...(follow ? ['-F'] : []), this.#logFile]);
  }

  async lastLines(count: number): Promise<readonly string[]> {
    const { stdout } = await this.#ports.run('tail', [`-n${count}`, this.#logFile]);
    return stdout.trimEnd().split('\n');
  }

  #target(): string {
    return `${this.#domain}/${LABEL}`;
  }

  /** The person behind sudo: macOS has no user for daemons that one could just make. */
  #runsAs(): string {
    const user = this.#ports.env['SUDO_USER'];
    if (user !== undefined && user !== '' && user !== 'root') return user;
    throw new CooeeError('ERR_BOOTSTRAP_SERVICE_ROOT', 'Nobody is known that it could run as.', {
      remedy: 'Run sudo cooee service install as the user that it shall run as, or use --user.',
    });
  }

  async #ownText(): Promise<string | undefined> {
    const text = await this.#ports.readText(this.file);
    if (text === undefined || isOurs(text)) return text;
    throw foreign(this.file);
  }

  async #prepareHome(home: string, invite: string | undefined): Promise<void> {
    const owner = this.scope === 'system' ? ['-o', this.#runsAs()] : [];
    await this.#command('install', ['-d', '-m', '0700', ...owner, home]);
    if (invite === undefined) return;
    await this.#ports.writeText(inviteFile(home), `${invite}\n`, 0o600);
    await this.#own(inviteFile(home));
  }

  async #makeLog(): Promise<void> {
    await this.#ports.writeText(this.#logFile, '', 0o600);
    await this.#own(this.#logFile);
  }

  async #own(file: string): Promise<void> {
    if (this.scope === 'system') await this.#command('chown', ['-h', this.#runsAs(), file]);
  }

  async #command(command: string, words: readonly string[]): Promise<void> {
    const result = await this.#ports.run(command, words);
    if (result.code !== 0) throw failed(command, result);
  }

  /** Right after a `bootout` launchd may still be at it, and says so with code 5 or 37. */
  async #bootstrap(): Promise<void> {
    const words = ['bootstrap', this.#domain, this.file];
    for (let triesLeft = 10; ; triesLeft -= 1) {
      const result = await this.#launchctl(words);
      if (result.code === 0) return;
      const isBusy = result.code === 5 || result.code === 37;
      if (!isBusy || triesLeft === 0) throw this.#refused(result);
      await this.#ports.run('sleep', ['0.5']);
    }
  }

  #launchctl(words: readonly string[]): Promise<CommandResult> {
    return this.#ports.run('launchctl', words);
  }

  async #must(words: readonly string[]): Promise<void> {
    const result = await this.#launchctl(words);
    if (result.code !== 0) throw this.#refused(result);
  }

  #refused(result: CommandResult): CooeeError {
    if (result.code !== undefined) return failed('launchctl', result);
    return new CooeeError('ERR_BOOTSTRAP_SERVICE_UNSUPPORTED', 'There is no launchctl here.');
  }
}
