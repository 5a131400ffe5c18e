/** What became of the messages that scripts were given, and each bound that was hit. */
export interface ScriptCounters {
  /** Processes started for one message each. */
  runs: number;
  /** Ended with an answer. */
  succeeded: number;
  /** Ended with an error, a request for a retry included. */
  failed: number;
  /** Ended because the caller gave up or the time was over. */
  aborted: number;
  /** Scripts that wrote more than 1 MiB to stdout. */
  outputTooLarge: number;
  /** Scripts whose output was cut off because others of their group held it open after they had ended. */
  outputCutOff: number;
  /** Lines on stderr that were longer than 8 KiB. */
  stderrLinesCut: number;
  /** Messages refused because too many aborted scripts had not ended yet. */
  refusedForLeftovers: number;
  /** Starts of a co-process after its first. */
  restarts: number;
  /** Lines of a co-process that are no answer. */
  badLines: number;
  /** Answers to nothing that is in flight; answers that came after the caller gave up are among them. */
  strayAnswers: number;
  /** Lines of a co-process that were longer than 1 MiB; each ended it. */
  linesTooLong: number;
  /** Messages refused because too much was in flight to a co-process. */
  refusedInFlight: number;
  /** Messages refused because a co-process keeps ending. */
  refusedInCrashLoop: number;
}

export const newScriptCounters = (): ScriptCounters => ({
  runs: 0,
  succeeded: 0,
  failed: 0,
  aborted: 0,
  outputTooLarge: 0,
  outputCutOff: 0,
  stderrLinesCut: 0,
  refusedForLeftovers: 0,
  restarts: 0,
  badLines: 0,
  strayAnswers: 0,
  linesTooLong: 0,
  refusedInFlight: 0,
  refusedInCrashLoop: 0,
});
