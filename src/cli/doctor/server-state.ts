import { runningServer } from '../running-server.ts'
import type { Look } from './finding.ts'

/** What a running server says of itself. */
export const serverState: Look = async ({ dataDir }) => {
  const running = await runningServer(dataDir)
  if (!running) return { about: 'server', state: 'ok', found: `no server runs on ${dataDir}; start one with "zhike serve"` }
  const response = await fetch(new URL('/ready', running.url), { signal: AbortSignal.timeout(5_000) })
  const { ready, checks } = (await response.json()) as { ready: boolean; checks: { name: string; ok: boolean; says?: string }[] }
  const told = checks.map(({ name, ok, says }) => `${name} ${ok ? 'ok' : (says ?? 'missing')}`).join(', ')
  const found = `a server (process ${running.pid}) at ${running.url}: ${told}`
  if (ready) return { about: 'server', state: 'ok', found }
  return {
    about: 'server',
    state: 'fault',
    found,
    todo: 'its log says why; a restart with "zhike serve" is safe: nothing acknowledged is lost',
  }
}
