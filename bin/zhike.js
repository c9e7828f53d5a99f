#!/usr/bin/env node
// Runs the program with its flags, by the Node that the package pins when the running one is older. Kept to what Node 18 understands.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const needed = 24
const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'cli', 'main.ts')
const strip = join(dirname(fileURLToPath(import.meta.url)), 'strip-types.js')

/**
 * Young objects get little room: batches outlive any, and a third of the memory is saved. Old ones get some from the start: where the heap
 * is small, it would be collected as a whole several times a second, and everybody waits for that.
 */
const flags = ['--max-semi-space-size=8', '--initial-old-space-size=96']

const isNew = Number(process.versions.node.split('.')[0]) >= needed
if (isNew && flags.every(flag => process.execArgv.includes(flag))) runHere()
else runWith(isNew ? process.execPath : pinnedNode())

function runHere() {
  // Node runs TypeScript as it is, except below node_modules: there a hook takes the types out, in child processes too.
  if (main.includes('node_modules') && !process.env.NODE_OPTIONS?.includes(strip)) {
    process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import=${pathToFileURL(strip).href}`.trim()
    import(pathToFileURL(strip).href).then(() => import(pathToFileURL(main).href))
  } else {
    import(pathToFileURL(main).href)
  }
}

function pinnedNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'))
    const binary = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    if (existsSync(binary)) return binary
  } catch {
    // told below
  }
  console.error(
    `zhike needs Node ${needed} or newer, this is ${process.version}, and the one that comes with the package is missing.\n` +
      'Run "npm install" in its folder (with the install script of the package "node" allowed), or start it with a newer Node.',
  )
  process.exit(3)
}

function runWith(binary) {
  const script = fileURLToPath(import.meta.url)
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(binary, [binary, ...flags, script, ...process.argv.slice(2)], process.env)
  }
  // The channel tells the child when this process is killed.
  const child = spawn(binary, [...flags, script, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ZHIKE_LAUNCHED: '1' },
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // A terminal sends its interrupt to both.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  child.on('error', error => {
    console.error(`zhike could not start ${binary}: ${error.message}`)
    process.exit(3)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}
