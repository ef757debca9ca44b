/**
 * Loaded into each daemon of the sandbox before its own program (node --import): asks it to end when the sandbox is
 * gone, however that went. The channel to the sandbox carries nothing; the kernel closes it when the sandbox dies, by
 * SIGKILL, too. The daemon itself knows nothing of this.
 */
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
// A listener would keep a daemon that has stopped from ending.
process.channel?.unref();
