import { CooeeError } from '../../protocols/interface/index.ts';
import { homeIn, inviteFile, isOurs } from './description.ts';
import { failed, foreign, homeOfOther, missing, refuseOtherFolder } from './failures.ts';
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
import { isTemporary, RUNTIME_FOLDER, SERVICE_USER, unitText } from './unit-text.ts';

const UNIT = 'cooee.service';
const SYSTEM_FOLDER = '/etc/systemd/system';
/** Exit codes of systemd itself (systemd.exec(5)): USER, CAPABILITIES, NAMESPACE. */
const NAMESPACE_EXITS: ReadonlySet<string> = new Set(['217', '218', '226']);
/** Hidden from a service of the system, and closed to its user anyway. */
const HIDDEN = ['/home/', '/root/', '/run/user/'];

/** The daemon as a unit of systemd. */
export class SystemdService implements Service {
  readonly manager = 'systemd';
  readonly name = UNIT;
  readonly scope: ServiceScope;
  readonly file: string;
  readonly #ports: ServicePorts;

  constructor(ports: ServicePorts, init: { readonly scope: ServiceScope }) {
    this.#ports = ports;
    this.scope = init.scope;
    this.file = `${init.scope === 'system' ? SYSTEM_FOLDER : userFolder(ports)}/${UNIT}`;
  }

  text(spec: ServiceSpec, namespaces = true): string {
    return unitText(this.#completed(spec), { scope: this.scope, namespaces });
  }

  unreachable(spec: ServiceSpec): readonly string[] {
    if (this.scope === 'user') return [];
    // Among the words may be the path of the settings.
    const paths = [spec.node, spec.script, spec.home, ...spec.folders, ...spec.words];
    return paths.filter((path) => HIDDEN.some((folder) => `${path}/`.startsWith(folder)));
  }

  checkRights(): void {
    if (this.scope === 'user' || this.#ports.uid === 0) return;
    throw new CooeeError('ERR_BOOTSTRAP_SERVICE_ROOT');
  }

  async install(spec: ServiceSpec, invite: string | undefined): Promise<Installed> {
    this.checkRights();
    const before = await this.#ownText();
    await this.#refuseOtherUnit();
    await refuseOtherFolder(this.#ports, spec.home);
    await this.#place(this.text(spec), before);
    if (this.scope === 'system') await this.#prepareUser();
    await this.#prepareHome(spec.home);
    if (invite !== undefined) await this.#keepInvite(spec.home, invite);
    await this.#must(['enable', UNIT]);
    const remarks = await this.#start(spec);
    if (this.scope === 'user') remarks.push(...(await this.#aboutLingering()));
    const gone = [spec.node, spec.script, spec.home].find(isTemporary);
    if (gone !== undefined) remarks.push(`${gone} will be gone after the next boot.`);
    return { isUpdate: before !== undefined, remarks };
  }

  async isInstalled(): Promise<boolean> {
    return (await this.#ownText()) !== undefined;
  }

  async home(): Promise<string | undefined> {
    return homeIn((await this.#ownText()) ?? '');
  }

  async state(): Promise<ServiceState> {
    const wanted = 'ActiveState,SubState,UnitFileState,MainPID,Result';
    const shown = await this.#show(wanted);
    const active = shown.get('ActiveState') ?? 'unknown';
    const sub = shown.get('SubState');
    const pid = Number(shown.get('MainPID'));
    const result = shown.get('Result');
    const why = active === 'failed' && result !== undefined ? `: ${result}` : '';
    return {
      isRunning: active === 'active',
      isFailed: active === 'failed' || active === 'inactive',
      isEnabled: shown.get('UnitFileState') === 'enabled',
      text: sub === undefined || sub === active ? `${active}${why}` : `${active} (${sub})${why}`,
      pid: Number.isSafeInteger(pid) && pid > 0 ? pid : undefined,
    };
  }

  async remove(): Promise<void> {
    this.checkRights();
    if ((await this.#ownText()) === undefined) throw missing(this.file);
    await this.#must(['disable', '--now', UNIT]);
    await this.#ports.remove(this.file);
    await this.#must(['daemon-reload']);
    // Only forgets that it once failed; there is mostly nothing to forget.
    await this.#systemctl(['reset-failed', UNIT]);
  }

  logs({ lines, follow, json }: LogsInit): ShownCommand {
    return this.#ports.show('journalctl', [
      ...this.#journal(lines),
      ...(json ? ['--output=json'] : []),
      ...(follow ? ['--follow'] : []),
    ]);
  }

  async lastLines(count: number): Promise<readonly string[]> {
    const words = [...this.#journal(count), '--output=cat'];
    return (await this.#ports.run('journalctl', words)).stdout.trimEnd().split('\n');
  }

  #journal(lines: number): readonly string[] {
    // What a user's service says may be in the system's journal; this finds it in either.
    const unit = this.scope === 'system' ? `--unit=${UNIT}` : `--user-unit=${UNIT}`;
    return [unit, `--lines=${lines}`, '--no-pager'];
  }

  /** A service of the system opens its agent socket to the group of its user. */
  #completed(spec: ServiceSpec): ServiceSpec {
    if (this.scope === 'user') return spec;
    const has = (flag: string): boolean => spec.words.includes(flag);
    const words = [
      ...(has('--agent-socket') ? [] : ['--agent-socket', `${RUNTIME_FOLDER}/agent.sock`]),
      ...(has('--agent-group') ? [] : ['--agent-group', SERVICE_USER]),
    ];
    return { ...spec, words: [...words, ...spec.words] };
  }

  /** The text of our unit, or undefined. */
  async #ownText(): Promise<string | undefined> {
    const text = await this.#ports.readText(this.file);
    if (text === undefined || isOurs(text)) return text;
    throw foreign(this.file);
  }

  /** One that a package put into another folder would be hidden by ours. */
  async #refuseOtherUnit(): Promise<void> {
    const path = (await this.#show('FragmentPath')).get('FragmentPath') ?? '';
    if (path !== '' && path !== this.file) throw foreign(path);
  }

  /** Writes the unit and has it read; puts back what was there when it is not taken. */
  async #place(text: string, before: string | undefined): Promise<void> {
    await this.#ports.writeText(this.file, text, 0o644);
    try {
      await this.#must(['daemon-reload']);
    } catch (error) {
      if (before === undefined) await this.#ports.remove(this.file);
      else await this.#ports.writeText(this.file, before, 0o644);
      throw error;
    }
  }

  async #prepareUser(): Promise<void> {
    if ((await this.#ports.run('id', ['-u', SERVICE_USER])).code === 0) return;
    const words = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent'];
    await this.#command('useradd', [...words, '--shell', '/usr/sbin/nologin', SERVICE_USER]);
  }

  async #prepareHome(home: string): Promise<void> {
    const make = ['-d', '-m', '0700'];
    if (this.scope === 'user') {
      await this.#command('install', [...make, '--', home]);
      return;
    }
    const wanted = Number((await this.#ports.run('id', ['-u', SERVICE_USER])).stdout.trim());
    const owner = await this.#ports.ownerOf(home);
    if (owner !== undefined && owner !== wanted) {
      if (owner !== this.#ports.uid) throw homeOfOther(home, owner, SERVICE_USER);
      // Of a daemon that root ran by hand: its files go over with it. Never through a link.
      await this.#command('chown', ['-hR', `${SERVICE_USER}:${SERVICE_USER}`, '--', home]);
    }
    await this.#command('install', [...make, '-o', SERVICE_USER, '-g', SERVICE_USER, '--', home]);
  }

  async #keepInvite(home: string, invite: string): Promise<void> {
    const file = inviteFile(home);
    await this.#ports.writeText(file, `${invite}\n`, 0o600);
    if (this.scope === 'system') await this.#command('chown', ['-h', SERVICE_USER, '--', file]);
  }

  /** Starts it; without namespaces of its own where the system lets a user have none. */
  async #start(spec: ServiceSpec): Promise<string[]> {
    const started = await this.#systemctl(['restart', UNIT]);
    if (started.code === 0) return [];
    const status = (await this.#show('ExecMainStatus')).get('ExecMainStatus') ?? '';
    if (this.scope === 'system' || !NAMESPACE_EXITS.has(status)) throw this.#refused(started);
    const text = this.text(spec, false);
    await this.#ports.writeText(this.file, text, 0o644);
    await this.#must(['daemon-reload']);
    await this.#systemctl(['reset-failed', UNIT]);
    await this.#must(['restart', UNIT]);
    return ['This system gives users no namespaces: the service runs without those fences.'];
  }

  async #aboutLingering(): Promise<readonly string[]> {
    const { user } = this.#ports;
    const shown = await this.#ports.run('loginctl', ['show-user', user, '--property=Linger']);
    if (shown.stdout.trim() === 'Linger=yes') return [];
    return [
      'It ends with your last session, and starts when you log in. To keep it running, and start ' +
        `it at boot: loginctl enable-linger ${user}`,
    ];
  }

  async #command(command: string, words: readonly string[]): Promise<void> {
    const result = await this.#ports.run(command, words);
    if (result.code !== 0) throw failed(command, result);
  }

  #systemctl(words: readonly string[]): Promise<CommandResult> {
    return this.#ports.run('systemctl', this.scope === 'user' ? ['--user', ...words] : words);
  }

  async #must(words: readonly string[]): Promise<void> {
    const result = await this.#systemctl(words);
    if (result.code !== 0) throw this.#refused(result);
  }

  #refused(result: CommandResult): CooeeError {
    if (result.code === undefined) {
      return new CooeeError('ERR_BOOTSTRAP_SERVICE_UNSUPPORTED', 'There is no systemd here.');
    }
    const isNoBus = this.scope === 'user' && /connect to (?:user scope )?bus/iu.test(result.stderr);
    return failed(
      'systemctl',
      result,
      isNoBus ? 'Log in as that user, not by su or sudo, so that its service manager runs.' : '',
    );
  }

  /** Properties of the unit, by name. */
  async #show(properties: string): Promise<ReadonlyMap<string, string>> {
    const shown = await this.#systemctl(['show', UNIT, `--property=${properties}`]);
    const lines = shown.stdout.split('\n').filter((line) => line.includes('='));
    return new Map(lines.map((line) => [line.split('=', 1)[0] ?? '', line.replace(/^.*?=/u, '')]));
  }
}

function userFolder({ env, homedir }: ServicePorts): string {
  const config = env['XDG_CONFIG_HOME'];
  const base = config?.startsWith('/') === true ? config : `${homedir}/.config`;
  return `${base}/systemd/user`;
}
