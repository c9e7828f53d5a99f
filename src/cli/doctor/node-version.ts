import type { Look } from './finding.ts'

export const nodeVersion: Look = () => {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= 24) return { about: 'node', state: 'ok', found: `Node ${process.versions.node} on ${process.platform} ${process.arch}` }
  return {
    about: 'node',
    state: 'fault',
    found: `Node ${process.versions.node} is too old`,
    todo: 'start it as "npm run zhike --" or "npx zhike", which use the Node that comes with the package',
  }
}
