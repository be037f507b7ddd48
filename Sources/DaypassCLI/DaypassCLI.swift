//! DaypassCLI: what a person types, reads and presses.
//!
//! The commands, their output for people and for programs, the interactive screen, the state files and the exit codes.
//! It talks to a server only through the control API and runs the agent; it imports none of the server's targets. The
//! executable adds `serve` and hands in a way to start a server in this process (`StandaloneLauncher`).
