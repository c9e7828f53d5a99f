import type { WriteStream } from 'node:tty'

export interface ProgressAt {
  doing: 'sending' | 'importing'
  /** 0 … 1 */
  share: number
  rows?: number
  rowsPerSecond?: number | null
  secondsLeft?: number | null
}

export interface Progress {
  at(progress: ProgressAt): void
  /** Takes the bar away. */
  end(): void
}

const barWidth = 24
const barEveryMs = 80
const lineEveryMs = 5_000

/** A bar where somebody looks on, a line now and then elsewhere. */
export function progressOn(terminal: Pick<WriteStream, 'isTTY' | 'write'>, name: string, output: { notes(text: string): void }): Progress {
  let last = performance.now() - (terminal.isTTY ? barEveryMs : 0)
  return {
    at(progress) {
      const elapsed = performance.now() - last
      if (elapsed < (terminal.isTTY ? barEveryMs : lineEveryMs)) return
      last = performance.now()
      if (terminal.isTTY) terminal.write(`\r\x1b[K${name} ${barOf(progress.share)} ${wordsFor(progress)}`)
      else output.notes(`${name}: ${wordsFor(progress)}`)
    },
    end() {
      if (terminal.isTTY) terminal.write('\r\x1b[K')
    },
  }
}

function barOf(share: number): string {
  const done = Math.round(Math.min(1, share) * barWidth)
  return `${'█'.repeat(done)}${'░'.repeat(barWidth - done)}`
}

/** `importing 45%, 450,000 rows, 92,000 rows/s, 6 s left` */
export function wordsFor({ doing, share, rows, rowsPerSecond, secondsLeft }: ProgressAt): string {
  const parts = [
    `${doing} ${Math.floor(Math.min(1, share) * 100)}%`,
    rows !== undefined && `${rows.toLocaleString('en')} rows`,
    rowsPerSecond && `${Math.round(rowsPerSecond).toLocaleString('en')} rows/s`,
    typeof secondsLeft === 'number' && `${timeLeft(secondsLeft)} left`,
  ]
  return parts.filter(part => typeof part === 'string').join(', ')
}

function timeLeft(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
