-- What each look at Stripe has found, and because of which events, changes, calls and rules it was
-- taken. Stories tell it; it is forgotten with the events.
create table looks (
    lane text not null,
    fence integer not null check (fence > 0),
    at text check (length(at) = 27) not null,
    because text check (json_valid(because)) not null,
    found text check (json_valid(found)) not null,
    primary key (lane, fence)
) strict;
create index looks_at on looks (at);
