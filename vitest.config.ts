import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: ['test/stores-setup.ts'],
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
