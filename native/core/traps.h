// Hardware faults that are the guest's traps. See traps.cc for when a fault is taken as the
// guest's.
#pragma once

namespace elfin {

/// Installs the process's handlers once, keeping the ones before for everything that is not ours.
/// Thread-safe.
void installTrapHandlers();
/// Makes other people's handlers run on the signal stack, so that they do not run at the end of a
/// fiber's. Cheap (microseconds).
void coverForeignHandlers();

} // namespace elfin
