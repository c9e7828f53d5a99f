import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../src/store/embedded/ports.ts'
import { connectPostgres } from '../src/store/postgres.ts'

const debian = '/usr/lib/postgresql'

/** Where Debian's PostgreSQL has its programs; undefined when it is not installed. */
export function separatePostgresPrograms(): string | undefined {
  const versions = existsSync(debian)
    ? readdirSync(debian)
        .map(Number)
        .sort((a, b) => b - a)
    : []
  return versions.map(version => join(debian, String(version), 'bin')).find(folder => existsSync(join(folder, 'postgres')))
}

/** A PostgreSQL that is none of ours: Debian's, of another version than the embedded one, with its own settings. */
export async function startSeparatePostgres(programs: string, folder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const owner = process.getuid?.() === 0 ? accountOf('postgres') : {}
  const data = join(folder, 'data')
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o777)
  const password = join(folder, 'password')
  writeFileSync(password, 'separate\n')
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'tester', '-A', 'scram-sha-256', `--pwfile=${password}`, '-E', 'UTF8', '--locale=C'],
    { ...owner, cwd: folder },
  )
  if (made.status !== 0) throw new Error(`initdb of the separate PostgreSQL failed: ${made.stderr}`)
  const [port = 0] = await freePorts(1)
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', `${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    { ...owner, cwd: folder, stdio: 'ignore' },
  )
  const ended = new Promise<void>(resolve => server.once('exit', () => resolve()))
  const url = `postgres://tester:separate@127.0.0.1:${port}/postgres`
  await answers(url)
  return {
    url,
    async stop() {
      server.kill('SIGINT')
      await ended
    },
  }
}

async function answers(url: string): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 100) {
    const postgres = connectPostgres(url, { connections: 1 })
    try {
      await postgres.query('select 1')
      return
    } catch (error) {
      if (waitedMs > 30_000) throw error
      await sleep(100)
    } finally {
      await postgres.close()
    }
  }
}

function accountOf(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}
