/** The command line itself: options, values, failures and completion, without a service. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, status as codes } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectionSettings, hoisted } from '../../src/cli/client-options.js';
import { completed, completionScript } from '../../src/cli/completion.js';
import { isLoopback } from '../../src/cli/connection.js';
import { EXIT, EXIT_MEANINGS, UsageInvalid } from '../../src/cli/exit.js';
import {
  CallFailed,
  failureJson,
  failureLine,
  failureOf,
  sentenceOf,
} from '../../src/cli/failure.js';
import { lengthGiven, momentGiven, settingsGiven } from '../../src/cli/given.js';
import { program } from '../../src/cli/index.js';
import { run } from '../support/cli-run.js';

const none = (): Promise<never> => Promise.reject(new Error('not part of this test'));
const root = program({
  version: 'test',
  switches: [],
  optionsHelp: '',
  scenarios: [],
  serve: none,
  demo: none,
  verify: none,
  out: () => undefined,
}).tree();
const commands = completed(root);

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'headgate-cli-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

describe('every command', () => {
  it.each(commands.filter(({ path }) => path !== '').map(({ path }) => [path]))(
    '%s explains itself, with an example where it does something',
    async (path) => {
      const { code, out, err } = await run([...path.split(' '), '--help']);
      expect([code, err]).toEqual([EXIT.ok, '']);
      expect(out).toContain(`Usage: headgate ${path}`);
      const isGroup = commands.some((other) => other.path.startsWith(`${path} `));
      if (!isGroup) expect(out).toMatch(/Examples:\n .*headgate/);
    },
  );

  it('is on the page of the command line, each exit code too', () => {
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    const missing = commands
      .map(({ path }) => path)
      .filter((path) => path !== '' && !page.includes(`\`headgate ${path}`));
    expect(missing).toEqual([]);
    const options = new Set(commands.flatMap((each) => each.options.map(({ flag }) => flag)));
    expect([...options].filter((flag) => !page.includes(flag))).toEqual([]);
    for (const [code, meaning] of EXIT_MEANINGS) {
      expect(page).toContain(`| ${String(code)} | ${meaning} |`);
    }
  });

  it.each([
    [['enable'], 'give either names, or --all, or --type'],
    [['disable', 'a', '--all'], 'give either names, or --all, or --type'],
    [['disable', '--type', 'nix'], '--type: must be one of onchain'],
    [['enable', 'a', 'a'], 'a name is given twice'],
    [['restart', 'a', 'b', '--if-match', '0.0.0'], '--if-match: is about one collector'],
    [['disable', 'a', '--ttl', 'soon'], 'It must be a length above 0'],
    [['breaker', 'config', 'a', 'nix=1', 'open_ms=x'], 'open_ms: must be a number, got x'],
    [['breaker', 'simulate', 'a', 'open_ms='], 'open_ms: needs a value'],
    [['breaker', 'config', 'a', '--unset', 'nix'], 'nix: must be one of failure_threshold'],
    [['breaker', 'config', 'a', 'open_ms=1', '--unset', 'open_ms'], 'open_ms: is given twice'],
    [['cursor', 'a', 'series'], 'cursor: is missing'],
    [['events', '--after', '1', '--last', '2'], 'give either --after or --last'],
    [['status', '--at', '2h'], '--at: is about one collector'],
    [['audit', '--outcome', 'nix'], '--outcome: must be one of success, no_op'],
    [['token', 'create', '--role', 'boss', '--name', 'a'], '--role: must be one of viewer'],
    [['status', '--server', 'nowhere'], '--server: must be host:port, got "nowhere"'],
    [['status', '--ca-file', '/nix/ca.pem'], '--ca-file: ENOENT'],
    [['completion', 'nix'], 'Allowed choices are bash, zsh, fish'],
    [['verify', 'x.db', '--server'], 'give either a journal file or --server'],
  ])('refuses %j before it asks anyone', async (args, text) => {
    const ran = await run(args);
    expect(ran).toMatchObject({ code: EXIT.usage, out: '' });
    expect(ran.err).toContain(text);
    const json = await run([...args, '--json']);
    const told = json.err.trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(told)).toMatchObject({ success: false, exit_code: EXIT.usage });
  });
});

describe('values of the command line', () => {
  it.each([
    ['10', 10_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ])('%s is a length', (text, ms) => {
    expect(lengthGiven(text)).toBe(ms);
  });

  it.each(['', '0', '-1s', '1w', '1 s', 'NaN', '1e9'])('%j is no length', (text) => {
    expect(() => lengthGiven(text)).toThrow(/length above 0/);
  });

  it('reads moments with an offset, and how long ago', () => {
    expect(momentGiven('2026-01-05T12:00:00+01:00')).toEqual({ at: Date.UTC(2026, 0, 5, 11) });
    expect(momentGiven('2h')).toEqual({ agoMs: 7_200_000 });
    expect(() => momentGiven('2026-01-05')).toThrow(/moment/);
  });

  it('reads settings, and names everything that is wrong with them', () => {
    const names = ['open_ms', 'failure_rate'];
    expect(settingsGiven(['open-ms=5', 'failure_rate='], names)).toEqual([
      ['open_ms', 5],
      ['failure_rate', undefined],
    ]);
    expect(() => settingsGiven(['open_ms', 'nix=1', 'open_ms=1', 'open_ms=2'], names)).toThrow(
      'open_ms: must be key=value\nnix: must be one of open_ms, failure_rate\nopen_ms: is given twice',
    );
  });

  it('moves the options of the connection behind the command, and nothing else', () => {
    expect(hoisted(['--server', 'a:1', '--json', 'status', 'x'])).toEqual([
      'status',
      'x',
      '--server',
      'a:1',
      '--json',
    ]);
    expect(hoisted(['--server=a:1', 'breaker', 'open', 'x', '--', '-y'])).toEqual([
      'breaker',
      'open',
      'x',
      '--server=a:1',
      '--',
      '-y',
    ]);
    const word = fc.constantFrom('status', 'x', '--watch', '--rest-port', '--', '-V');
    fc.assert(
      fc.property(fc.array(word), (args) => {
        expect(hoisted(args)).toEqual(args);
      }),
    );
  });
});

describe('the connection', () => {
  it('is to this machine unless told otherwise; a flag wins over a variable', () => {
    expect(connectionSettings({}, {})).toEqual({ address: '127.0.0.1:50051', timeoutMs: 10_000 });
    const env = { HEADGATE_SERVER: 'a:1' };
    expect(connectionSettings({}, env).address).toBe('a:1');
    expect(connectionSettings({ server: 'b:2' }, env).address).toBe('b:2');
    expect(connectionSettings({ caFile: 'ca.pem' }, {}).tls).toEqual({ caFile: 'ca.pem' });
  });

  it('takes its token from a flag, a file or a variable, and never shows one', () => {
    const file = join(directory(), 'token');
    writeFileSync(file, 'hg_a_file\n');
    const token = (flags: object, env: Record<string, string> = {}): string | undefined =>
      connectionSettings(flags, env).token;
    expect(token({ tokenFile: file })).toBe('hg_a_file');
    expect(token({}, { HEADGATE_TOKEN_FILE: file })).toBe('hg_a_file');
    expect(token({}, { HEADGATE_TOKEN: 'hg_b', HEADGATE_TOKEN_FILE: file })).toBe('hg_b');
    expect(token({ token: 'hg_c' }, { HEADGATE_TOKEN: 'hg_b' })).toBe('hg_c');
    expect(() => token({ token: 'my secret' })).toThrow(UsageInvalid);
    expect(() => token({ token: 'my secret' })).not.toThrow(/secret/);
  });

  it('warns of a token on the command line, and of one in plain text over a network', async () => {
    const args = ['status', '--token', 'hg_a_b', '--timeout', '100ms'];
    const near = await run([...args, '--server', '127.0.0.1:1']);
    expect(near.err).toContain('warning: ps shows --token');
    expect(near.err).not.toContain('plain text');
    const far = await run([...args, '--server', '192.0.2.1:1']);
    expect(far.err).toContain('warning: the token goes to 192.0.2.1:1 in plain text');
    expect(near.err + far.err).not.toContain('hg_a_b');
  });

  it('knows what stays on this machine', () => {
    const near = ['127.0.0.1:1', 'localhost:1', '[::1]:1', 'unix:/tmp/x', '127.9.9.9:1'];
    expect(near.map(isLoopback)).toEqual(near.map(() => true));
    expect(['10.0.0.1:1', 'localhost.example:1', '0.0.0.0:1'].map(isLoopback)).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('a failure', () => {
  const NOW = Date.UTC(2026, 0, 5, 12);
  const called = { address: 'a:1', timeoutMs: 10_000, isTls: false };

  function failed(code: codes, message: string, details: Status['details'] = []): CallFailed {
    const metadata = new Metadata();
    if (details.length > 0) {
      const status = Status.encode(Status.fromPartial({ code, message, details })).finish();
      metadata.set('grpc-status-details-bin', Buffer.from(status));
    }
    const error = Object.assign(new Error(message), { code, details: message, metadata });
    const failure = failureOf(error satisfies ServiceError);
    return new CallFailed(failure, sentenceOf(failure, called));
  }

  const any = (name: string, value: Uint8Array): Status['details'][number] => {
    const $type = 'google.protobuf.Any' as const;
    return { $type, typeUrl: `type.googleapis.com/google.rpc.${name}`, value };
  };
  const info = (reason: string): Status['details'][number] =>
    any('ErrorInfo', ErrorInfo.encode(ErrorInfo.fromPartial({ reason })).finish());

  it('tells the rule that was broken, and when to try again', () => {
    const violations = { fieldViolations: [{ field: '/rate', description: 'must be > 0' }] };
    const broken = failed(codes.INVALID_ARGUMENT, 'Invalid input', [
      info('INVALID_INPUT'),
      any('BadRequest', BadRequest.encode(BadRequest.fromPartial(violations)).finish()),
    ]);
    expect([broken.exit, failureLine(broken, NOW, 'utc')]).toEqual([
      EXIT.usage,
      'headgate: Invalid input; /rate must be > 0\n',
    ]);
    const retryDelay = { seconds: 12, nanos: 0 };
    const later = failed(codes.RESOURCE_EXHAUSTED, 'Too many requests', [
      info('TOO_MANY_REQUESTS'),
      any('RetryInfo', RetryInfo.encode(RetryInfo.fromPartial({ retryDelay })).finish()),
    ]);
    expect([later.exit, failureLine(later, NOW, 'utc')]).toEqual([
      EXIT.unavailable,
      'headgate: Too many requests; try again in 12 s (2026-01-05 12:00:12Z)\n',
    ]);
    expect(failureJson(later, NOW)).toMatchObject({
      code: 'too_many_requests',
      retry_at: '2026-01-05T12:00:12.000Z',
      exit_code: EXIT.unavailable,
    });
  });

  it.each([
    [codes.NOT_FOUND, EXIT.notFound],
    [codes.FAILED_PRECONDITION, EXIT.refused],
    [codes.ABORTED, EXIT.refused],
    [codes.UNAUTHENTICATED, EXIT.denied],
    [codes.PERMISSION_DENIED, EXIT.denied],
    [codes.UNAVAILABLE, EXIT.unavailable],
    [codes.DEADLINE_EXCEEDED, EXIT.unavailable],
    [codes.INTERNAL, EXIT.failure],
    [codes.UNIMPLEMENTED, EXIT.failure],
  ])('of status %i ends with %i', (code, exit) => {
    expect(failed(code, 'x', [info('X')]).exit).toBe(exit);
    expect(failed(code, 'x').exit).toBe(exit);
  });

  it('is still told when its details cannot be read', () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([255, 255, 255]));
    const error = Object.assign(new Error('x'), { code: codes.NOT_FOUND, details: 'x', metadata });
    expect(sentenceOf(failureOf(error), called)).toContain('a:1 answered NOT_FOUND: x');
  });

  it('cannot move the cursor', () => {
    const line = failureLine(failed(codes.NOT_FOUND, 'a\u001b[2J\nb', [info('X')]), NOW, 'utc');
    expect(line).toBe('headgate: a\\u001b[2J b\n');
  });
});

describe('completion', () => {
  it('knows every command and option of the tree, in each shell', () => {
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell, commands);
      for (const { path, options } of commands) {
        expect(script).toContain(shell === 'fish' ? path.replaceAll(' ', '_') : path);
        for (const { flag } of options) expect(script).toContain(flag.replace(/^--/, ''));
      }
      expect(script).not.toContain('__complete)');
    }
  });

  const hasBash = spawnSync('bash', ['--version']).status === 0;

  it.runIf(hasBash).each([
    ['headgate stat', ['status']],
    ['headgate breaker ', ['open', 'close', 'half-open', 'reset', 'history']],
    ['headgate breaker open m', ['moralis']],
    ['headgate enable moralis m', ['moralis']],
    ['headgate status --wa', ['--watch']],
    ['headgate --server a:1 status --wa', ['--watch']],
    ['headgate status --reas', []],
    ['headgate disable x --reas', ['--reason']],
    ['headgate completion z', ['zsh']],
    ['headgate rate-limit moralis h', []],
  ])('completes %j in bash', (line, wanted) => {
    const path = directory();
    writeFileSync(join(path, 'script'), completionScript('bash', commands));
    const asked = [
      'headgate() { printf "historical\\nmoralis\\n"; }',
      'source "$1/script"',
      'COMP_WORDS=($2); [[ $2 == *" " ]] && COMP_WORDS+=("")',
      'COMP_CWORD=$((${#COMP_WORDS[@]} - 1))',
      '_headgate',
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ].join('\n');
    const { stdout, stderr } = spawnSync('bash', ['-c', asked, 'bash', path, line]);
    expect(stderr.toString()).toBe('');
    const offered = stdout
      .toString()
      .split('\n')
      .filter((word) => word !== '');
    if (wanted.length === 0) expect(offered).toEqual([]);
    else expect(offered).toEqual(expect.arrayContaining([...wanted]));
  });
});
