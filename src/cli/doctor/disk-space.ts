import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Look } from './finding.ts'

const gb = 1024 ** 3

export const diskSpace: Look = ({ dataDir }) => {
  let place = dataDir
  while (!existsSync(place)) place = dirname(place)
  const { bavail, bsize, blocks } = statfsSync(place)
  const free = (bavail * bsize) / gb
  const found = `${free.toFixed(1)} GB free of ${((blocks * bsize) / gb).toFixed(1)} GB for ${dataDir}`
  if (free >= 5) return { about: 'disk', state: 'ok', found }
  const todo = 'free some space or move ZHIKE_DATA: without any left, events are answered with 503'
  return { about: 'disk', state: free < 1 ? 'fault' : 'warning', found, todo }
}
