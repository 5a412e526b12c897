/**
 * The words of an ExecStart line, read as systemd.syntax(7) and systemd.service(5) say: quotes,
 * C escapes, `%%` and `$$`. What else systemd knows is refused, since the product does not write
 * it.
 */
export function execWords(line: string): string[] {
  const words = line.match(/"(?:\\.|[^"\\])*"|[^\s"]+/gu) ?? [];
  return words.map((word) => {
    const bare = word.startsWith('"')
      ? word.slice(1, -1).replaceAll(/\\(.)/gsu, (_, char: string) => escaped(char))
      : word;
    return bare.replaceAll(/(%|\$)(.?)/gu, (_, sign: string, next: string) => {
      if (sign !== next) throw new Error(`a specifier or a variable in ${word}`);
      return sign;
    });
  });
}

function escaped(char: string): string {
  const known: Record<string, string> = { n: '\n', t: '\t', '"': '"', '\\': '\\' };
  const value = known[char];
  if (value === undefined) throw new Error(`an escape that is not known: \\${char}`);
  return value;
}
