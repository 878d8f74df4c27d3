-- Customers that Stripe has deleted, whose payer has another there by now, or none. What is told of
-- them still is theirs: a payment of before may be refunded.
create table former_customers (
    stripe text check (substr(stripe, 1, 4) = 'cus_') primary key,
    payer text check (length(payer) = 36) not null references customers (id)
) strict;
create index former_customers_payer on former_customers (payer);
