/**
 * For many small commits on a small machine that is shared with ClickHouse. Everything acknowledged is on disk: `fsync` and
 * `synchronous_commit` stay on.
 */
export function postgresSettings(memoryBytes: number): Record<string, string | number> {
  const megabytes = Math.max(64, Math.floor(memoryBytes / 2 ** 20))
  const sharedBuffers = Math.floor(megabytes / 4)
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    max_connections: 60,
    fsync: 'on',
    synchronous_commit: 'on',

    shared_buffers: `${sharedBuffers}MB`,
    // What the system caches of its files counts too.
    effective_cache_size: `${sharedBuffers * 4}MB`,
    work_mem: `${Math.max(4, Math.floor(megabytes / 32))}MB`,
    maintenance_work_mem: `${Math.max(16, Math.floor(megabytes / 8))}MB`,
    autovacuum_max_workers: 2,

    // No replicas; the log is there for crashes.
    wal_level: 'minimal',
    max_wal_senders: 0,
    wal_buffers: '16MB',
    max_wal_size: '2GB',
    checkpoint_timeout: '15min',
    // The pages of our indexes are hashes: trying to compress them cost more than all else that an insert does.
    wal_compression: 'off',
    log_checkpoints: 'off',

    // Parallel queries would need /dev/shm, which containers keep small, and the cores are busy anyway.
    max_parallel_workers_per_gather: 0,
    max_parallel_maintenance_workers: 0,
    max_logical_replication_workers: 0,
    jit: 'off',
    random_page_cost: 1.1,

    // Errors are told to whoever asked; statements and messages carry values, which must not reach a log.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_parameter_max_length_on_error: 0,
  }
}
