drop table former_customers;
