import { connect } from 'node:net'
import type { Look } from './finding.ts'

/** Whether the servers that the environment names can be reached at all. */
export const givenStores: Look = async ({ clickhouseUrl, postgresUrl, kafkaBrokers }) => {
  const places = [
    ...(clickhouseUrl ? [placeOf('ClickHouse', clickhouseUrl, 8123)] : []),
    ...(postgresUrl ? [placeOf('PostgreSQL', postgresUrl, 5432)] : []),
    ...(kafkaBrokers ?? []).map(broker => placeOf('Kafka', `kafka://${broker}`, 9092)),
  ]
  if (places.length === 0) return undefined
  const reached = await Promise.all(places.map(async place => ({ ...place, ok: await opens(place.host, place.port) })))
  const missing = reached.filter(({ ok }) => !ok)
  const names = (list: typeof places) => list.map(({ name, host, port }) => `${name} at ${host}:${port}`).join(', ')
  if (missing.length === 0) return { about: 'stores', state: 'ok', found: `${names(places)} can be reached` }
  return {
    about: 'stores',
    state: 'fault',
    found: `${names(missing)} cannot be reached from here`,
    todo: 'check that it runs, its address in the environment, and the firewall between',
  }
}

function placeOf(name: string, url: string, standardPort: number): { name: string; host: string; port: number } {
  const { hostname, port } = new URL(url)
  return { name, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || standardPort }
}

function opens(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: 2_000 })
    const end = (ok: boolean) => {
      socket.destroy()
      resolve(ok)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}
