"""Events sent to who asked for them: where they may go, how they are signed, and the one call that sends one."""
