import { execFileSync } from 'node:child_process';

/** Runs a tool of the system; its error output is in the error. */
function run(program: string, ...args: readonly string[]): string {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

let labs = 0;

/** The labs that are there, so that none outlives its test process, however that ends. */
const open = new Set<Lab>();
process.once('exit', () => {
  for (const lab of open) lab.close();
});

/**
 * Networks made of network namespaces, for tests with real daemons: switches, hosts, and routers
 * that translate addresses. Nothing of it touches the network of the machine.
 */
export class Lab {
  /** Names of this run, so that two at once do not meet. */
  readonly #prefix = `cooee-${process.pid}-${++labs}-`;
  readonly #made = new Set<string>();
  #ports = 0;

  /** Why there can be no lab here; undefined when there can. */
  static problem(): string | undefined {
    if (process.platform !== 'linux') return 'network namespaces are a matter of Linux';
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    const lab = new Lab();
    try {
      lab.#namespace('probe');
      lab.inside('probe', 'iptables', '-w', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE');
      return undefined;
    } catch (error) {
      const [line = ''] = String((error as { stderr?: string }).stderr || error).split('\n');
      return `no network namespaces with NAT here: ${line}`;
    } finally {
      lab.close();
    }
  }

  /** What runs a program in a namespace, as the first words of its command line. */
  launcher(name: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#prefix + name];
  }

  /** Runs a tool in a namespace. */
  inside(name: string, ...words: readonly string[]): string {
    return run('ip', 'netns', 'exec', this.#prefix + name, ...words);
  }

  /** A switch: hosts on it are in one broadcast domain. */
  lan(name: string): void {
    this.#namespace(name);
    this.inside(name, 'ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    this.inside(name, 'ip', 'link', 'set', 'br0', 'up');
  }

  /**
   * A host on a switch.
   *
   * @param address - such as 10.0.0.2/24
   * @param gateway - nobody need be there
   */
  host(name: string, lan: string, address: string, gateway: string): void {
    this.#namespace(name);
    this.#plug(name, 'eth0', lan);
    this.renumber(name, address, gateway);
  }

  /** Gives a host another address in place of those that it has. */
  renumber(name: string, address: string, gateway: string): void {
    this.inside(name, 'ip', 'addr', 'flush', 'dev', 'eth0');
    this.inside(name, 'ip', 'addr', 'add', address, 'dev', 'eth0');
    this.inside(name, 'ip', 'route', 'replace', 'default', 'via', gateway, 'dev', 'eth0');
  }

  /**
   * A router between two switches: those inside share its address outside, and nobody outside can
   * begin to talk to them.
   */
  router(
    name: string,
    outside: { readonly lan: string; readonly address: string },
    inside: { readonly lan: string; readonly address: string },
  ): void {
    this.#namespace(name);
    this.#plug(name, 'wan', outside.lan);
    this.#plug(name, 'lan', inside.lan);
    this.inside(name, 'ip', 'addr', 'add', outside.address, 'dev', 'wan');
    this.inside(name, 'ip', 'addr', 'add', inside.address, 'dev', 'lan');
    this.inside(name, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const rules = [
      '-t nat -A POSTROUTING -o wan -j MASQUERADE',
      '-P FORWARD DROP',
      '-A FORWARD -i lan -j ACCEPT',
      '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    ];
    for (const rule of rules) this.inside(name, 'iptables', '-w', ...rule.split(' '));
  }

  /** Removes everything; what runs in it must have ended. Never throws. */
  close(): void {
    for (const name of [...this.#made].reverse()) {
      try {
        run('ip', 'netns', 'del', name);
      } catch {
        // It was not made, or is gone.
      }
    }
    this.#made.clear();
    open.delete(this);
  }

  #namespace(name: string): void {
    open.add(this);
    this.#made.add(this.#prefix + name);
    run('ip', 'netns', 'add', this.#prefix + name);
    this.inside(name, 'ip', 'link', 'set', 'lo', 'up');
  }

  /** A cable from a namespace to a switch. */
  #plug(name: string, device: string, lan: string): void {
    const port = `port${++this.#ports}`;
    const ends = ['type', 'veth', 'peer', 'name', device, 'netns', this.#prefix + name];
    this.inside(lan, 'ip', 'link', 'add', port, ...ends);
    this.inside(lan, 'ip', 'link', 'set', port, 'master', 'br0', 'up');
    this.inside(name, 'ip', 'link', 'set', device, 'up');
  }
}
