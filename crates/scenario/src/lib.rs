//! The service and the sandbox in one process: the demo, the flows, the simulation.
